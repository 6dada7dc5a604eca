"""What must not stand in a log."""

import logging
import re

SECRET = re.compile(r"(/join/)[^/\s]+")


class HideSecrets(logging.Filter):
    """Django logs the address of each refused request; that of an invitation lets people in."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "/join/" in (message := record.getMessage()):
            record.msg, record.args = SECRET.sub(r"\1…", message), None
        return True
