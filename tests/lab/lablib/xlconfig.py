"""Writes xl's guest configuration files."""


def write(keys):
    """Text of a configuration: strings, numbers and lists of strings."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in keys.items() if value is not None)


def _value(value):
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    text = str(value)
    if '"' in text:
        raise ValueError(f"xl cannot quote this: {text}")
    return f'"{text}"'


def disk(path, vdev, mode="w", form="raw", cdrom=False, backend=None):
    return f"{path},{form},{vdev}{':cdrom' if cdrom else ''},{mode}{f',backendtype={backend}' if backend else ''}"
