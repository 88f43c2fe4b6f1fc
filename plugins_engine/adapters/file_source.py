"""Where a plug-in file comes from: a file, a folder as peft saves it, or a zip of one. What is there may be hostile."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from plugins_engine.adapters import lora_file
from plugins_engine.adapters.scales import CONFIG_FILE
from plugins_engine.errors import BadAdapter

_ZIP = b"PK\x03\x04"
_MOST_CONFIG = 1024**2
_MOST_ENTRIES = 100
_MOST_RATIO = 100  # bytes unpacked for one packed
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class PluginFile:
    """A plug-in file's content.

    name: what messages call it. stem: what it is called where it says no name. config: the adapter_config.json beside it.
    """

    content: bytes
    name: str
    stem: str = ""
    config: str | None = None


def read_source(source: Path | str | bytes) -> PluginFile:
    """Read a plug-in file, the folder or the zip that it is in, or bytes of either file. Raises BadAdapter, naming it and the reason."""
    if isinstance(source, bytes):
        return _unpacked(PluginFile(source, "plug-in"))
    path = Path(source)
    if path.is_dir():
        return _in_folder(path)
    return _unpacked(PluginFile(_read(path, lora_file.MAX_FILE), str(path), path.stem))


def _in_folder(folder: Path) -> PluginFile:
    files = sorted(each for each in folder.iterdir() if each.suffix == _SUFFIX)
    if len(files) != 1:
        raise _not_one(str(folder), [each.name for each in files])
    beside = folder / CONFIG_FILE
    config = _read(beside, _MOST_CONFIG).decode("utf-8", "replace") if beside.exists() else None
    return PluginFile(_read(files[0], lora_file.MAX_FILE), str(files[0]), folder.name, config)


def _unpacked(source: PluginFile) -> PluginFile:
    """Take the file out of a zip; give a source that is none as it is."""
    # A header of 640 bytes begins like a zip, but for the zeros of its length.
    if not source.content.startswith(_ZIP):
        return _required_size(source)
    if not zipfile.is_zipfile(io.BytesIO(source.content)):
        return source  # named where the header is read, as a pickle of torch is, which is a zip too
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as packed:
            return _out_of(packed, source)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadAdapter(
            f"{source.name}: expected a zip that can be unpacked, found none ({error})"
        ) from error


def _out_of(packed: zipfile.ZipFile, source: PluginFile) -> PluginFile:
    entries = [each for each in packed.infolist() if not each.is_dir()]
    files = [each for each in entries if each.filename.endswith(_SUFFIX)]
    if not files:
        return source
    if len(files) > 1 or len(entries) > _MOST_ENTRIES:
        raise _not_one(source.name, [each.filename for each in files])
    content = _entry(packed, files[0], lora_file.MAX_FILE, source.name)
    beside = [each for each in entries if PurePosixPath(each.filename).name == CONFIG_FILE]
    config = _entry(packed, beside[0], _MOST_CONFIG, source.name) if beside else None
    return PluginFile(
        content,
        f"{source.name}: {files[0].filename}",
        source.stem or PurePosixPath(files[0].filename).stem,
        None if config is None else config.decode("utf-8", "replace"),
    )


def _entry(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, name: str) -> bytes:
    if entry.file_size > min(most, _MOST_RATIO * max(entry.compress_size, 1)):
        raise BadAdapter(
            f"{name}: expected at most {most} bytes at {entry.filename}, found {entry.file_size}"
        )
    with packed.open(entry) as stream:
        return stream.read(entry.file_size)


def _required_size(source: PluginFile) -> PluginFile:
    if len(source.content) > lora_file.MAX_FILE:
        raise BadAdapter(
            f"{source.name}: expected at most {lora_file.MAX_FILE} bytes, found {len(source.content)}"
        )
    return source


def _not_one(name: str, found: list[str]) -> BadAdapter:
    listed = ", ".join(found[:3]) or "none"
    return BadAdapter(f"{name}: expected one {_SUFFIX} file, found {listed}")


def _read(path: Path, most: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > most:
            raise BadAdapter(f"{path}: expected at most {most} bytes, found {size}")
        return path.read_bytes()
    except FileNotFoundError:
        raise BadAdapter(f"{path}: expected a plug-in file, found nothing") from None
    except OSError as error:
        raise BadAdapter(f"{path}: expected a plug-in file, it cannot be read ({error.strerror})") from error
