"""Addresses: which may be asked, and how they are written where people read them."""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from auditor.errors import SourceError
from auditor.sources.base import Request, Spec


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, where plain HTTP is safe."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return the host of an address, lower case."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)


def checked_base(spec: Spec, base: str) -> str:
    """Return the base address to use, without a trailing slash.

    Raises
    ------
    SourceError
        When it is not HTTPS (plain HTTP is accepted on this machine only), holds a password or a query.
    """
    try:
        parts = urlsplit(base)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_readable = urlsplit(""), False
    host = parts.hostname or ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if (
        not port_is_readable
        or not host
        or not safe
        or parts.username
        or parts.password
        or parts.query
        or parts.fragment
    ):
        shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
        raise SourceError(
            f"{shown!r} cannot be the base address of the source {spec.name}",
            hint="give an https:// address without user, password or query; http:// is accepted for 127.0.0.1 only",
        )
    return base.rstrip("/")


def address(base: str, request: Request) -> str:
    """Return the full address of a request."""
    query = urlencode(request.params)
    return f"{base}/{request.path.lstrip('/')}" + (f"?{query}" if query else "")


def redirected(url: str, location: str, allowed: Collection[str]) -> str:
    """Return where a redirect leads.

    Raises
    ------
    SourceError
        When it leaves the declared hosts or gives up TLS.
    """
    target = urljoin(url, location)
    parts = urlsplit(target)
    host = parts.hostname or ""
    if host not in allowed:
        # The rest of a foreign address may hold a signature or token, so only its host is shown.
        raise SourceError(
            f"redirects to the host {host or '(none)'!r}, which is not declared for this source",
            where=url,
            hint="nothing was sent there; if the publisher has moved, update the tool or the base address",
        )
    if parts.scheme != "https" and not (
        parts.scheme == "http" and urlsplit(url).scheme == "http" and is_loopback(host)
    ):
        raise SourceError("redirects to an address without TLS", where=url, hint="nothing was sent there")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def relative(url: str, spec: Spec, where: str) -> str:
    """Return the path of an address that an answer names, relative to the source's base.

    Raises
    ------
    SourceError
        When it lies outside the base address: an answer may not lead elsewhere.
    """
    base = urlsplit(spec.base_url)
    parts = urlsplit(urljoin(spec.base_url, url))
    prefix = base.path.rstrip("/") + "/"
    if (
        parts.scheme != base.scheme
        or parts.netloc != base.netloc
        or not parts.path.startswith(prefix)
        or ".." in parts.path
    ):
        raise SourceError(
            f"the answer points to the host {parts.hostname or '(none)'!r}, outside {spec.base_url}",
            where=where,
            hint="the publisher may have moved; update the tool",
        )
    return parts.path.removeprefix(prefix)
