"""What is asked and answered of which kind, and how varied it is."""
