"""Pure statistics over votes: no Django, no database."""
