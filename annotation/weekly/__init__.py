"""What a person hears of their work once a week, on the page and by e-mail."""
