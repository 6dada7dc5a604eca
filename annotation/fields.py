"""Form fields that Django does not have."""

from typing import Any

from django import forms


class LinesField(forms.Field):
    """A list of different short texts, written one per line."""

    widget = forms.Textarea

    def __init__(self, *, max_lines: int, max_chars: int, **kwargs: Any) -> None:
        self.max_lines, self.max_chars = max_lines, max_chars
        kwargs.setdefault("required", False)
        kwargs.setdefault("initial", [])
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 4, "dir": "auto"}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> list[str]:
        lines = value.splitlines() if isinstance(value, str) else value or []
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise forms.ValidationError("Write one per line.")
        return [stripped for line in lines if (stripped := line.strip())]

    def validate(self, value: list[str]) -> None:
        super().validate(value)
        if len(value) > self.max_lines:
            raise forms.ValidationError(f"At most {self.max_lines} lines.")
        for line in value:
            if len(line) > self.max_chars or not line.isprintable():
                raise forms.ValidationError(
                    f"A line holds at most {self.max_chars} plain characters: “{line[:60]}”."
                )
        if len(set(value)) < len(value):
            raise forms.ValidationError("Two lines are the same.")

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value
