"""The exception tree: a leaf that imports nothing.

Every error that a user can cause derives from :class:`WattloopError`; its message says what is wrong
and what to do about it, in one line. The CLI prints that line and exits with status 2.
"""


class WattloopError(Exception):
    """Base of all errors that wattloop raises on purpose."""


class ConfigError(WattloopError):
    """A configuration file or value is wrong: names the file, the line and the key."""


class SpecError(WattloopError):
    """A hardware spec is illegal: names the field and the legal values."""


class ToolError(WattloopError):
    """An external tool is missing, too old, or failed."""


class ToolTimeoutError(ToolError):
    """An external tool was stopped because its time was up."""


class StorageError(WattloopError):
    """A file or folder cannot be read or written: disk full, no permission, damaged entry."""


class OldFormatError(StorageError):
    """A file is of a format that this version does not read: says which, and what to run again."""


class LibertyError(WattloopError):
    """A Liberty library is unknown, malformed or lacks what is needed: names file, cell, group."""


class NetlistError(WattloopError):
    """A netlist is not what the engine accepts: names the net or the cell."""


class StimulusError(WattloopError):
    """A stimulus has the wrong signals, shape or range."""


class ActivityFileError(WattloopError):
    """A SAIF, VCD or FST file is malformed, or is not of this netlist: names what does not fit."""


class AnnotationError(WattloopError):
    """Activity does not cover every net of the netlist."""


class OverflowRangeError(WattloopError):
    """Weights and activations at hand could overflow the partial-sum width."""


class StaleTableError(WattloopError):
    """Energy tables rest on another network, netlist or library than the one at hand: names the layers."""


class ModelError(WattloopError):
    """A network holds a layer that cannot be quantised or mapped: names the layer."""


class OwnNetworkError(ModelError):
    """A checkpoint of a network of the user's own, and nobody named the code that it was made from."""


class DatasetError(WattloopError):
    """A data set is missing or damaged: names the path and how to get it."""


class WorkerError(WattloopError):
    """A unit of work was lost with its worker for good, or failed in a way that cannot travel."""
