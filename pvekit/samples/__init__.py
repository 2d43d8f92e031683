"""pvekit's own samples of what VMs use, kept on this machine."""

from pvekit.samples.measured import Measured, measured
from pvekit.samples.sample import Sample
from pvekit.samples.store import Samples, kept_under

__all__ = ["Measured", "Sample", "Samples", "kept_under", "measured"]
