"""The one transport seam: every byte from the network comes through :class:`~auditor.sources.http.client.Client`."""

from auditor.sources.http.client import Client
from auditor.sources.http.policy import Cached, Clock, Policy, Progress

__all__ = ["Cached", "Client", "Clock", "Policy", "Progress"]
