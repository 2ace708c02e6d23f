"""All contracts of a domain in one class."""

from srkit.testing.discovery import DiscoverContract
from srkit.testing.learning import DegradationContract, NormalizerContract, PatchesContract
from srkit.testing.sinks import SinkContract
from srkit.testing.sources import SourceContract


class DomainContract(
    DiscoverContract, SourceContract, SinkContract, NormalizerContract, PatchesContract, DegradationContract
):
    """Everything that the core expects of a domain; `example` is one small item of it."""
