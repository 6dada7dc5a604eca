"""Speaking to models for the people who chat with them."""
