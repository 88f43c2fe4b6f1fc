"""How much may be made of a file: what it holds may be hostile."""

from dataclasses import dataclass

from plugins_engine.errors import BadAdapter


@dataclass
class Room:
    """How many numbers may still be made of a file's factors: a small file could say a layer as large as all memory."""

    left: int = 2**29  # 2 GB, which is what a file may have

    def take(self, count: int, name: str, key: str) -> None:
        """Count numbers that are to be made. Raises BadAdapter where they are too many."""
        self.left -= count
        if self.left < 0:
            raise BadAdapter(
                f"{name}: expected layers of ordinary size, found factors of {count} numbers at {key}"
            )
