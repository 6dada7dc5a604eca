"""Why an import ends before its file does."""


class ImportStopped(RuntimeError):
    """The import cannot go on; the message says why. The batches before it stand."""


class Superseded(RuntimeError):
    """Another worker has taken this import over; this one writes nothing more."""
