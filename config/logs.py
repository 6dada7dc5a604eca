"""What must not stand in a log."""

import logging
import re

SECRET = re.compile(r"(/(?:join|mail/stop)/)[^/\s]+")


class HideSecrets(logging.Filter):
    """Django logs the address of each refused request; that of an invitation lets people in, that
    in a mail ends the mails of somebody."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if "/join/" in message or "/mail/stop/" in message:
            record.msg, record.args = SECRET.sub(r"\1…", message), None
        return True
