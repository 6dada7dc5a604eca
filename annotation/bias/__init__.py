"""What moves answers besides the responses: one pure module per bias, each with its formula."""
