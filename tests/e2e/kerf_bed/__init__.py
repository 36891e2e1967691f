"""A real Kubernetes on one machine, shut into namespaces of its own, for tests."""
from .bed import Bed
from .common import BedError

__all__ = ["Bed", "BedError"]
