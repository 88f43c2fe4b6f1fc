"""Where files are kept, and how large an upload may be."""

from __future__ import annotations

from dataclasses import dataclass

from market.configuration.parsing import integer, path, text, url
from market.configuration.values import Configuration
from market.configuration.variable import Group, Variable

MILLION = 1_000_000

FILES = Group(
    "Files",
    [
        Variable(
            "MEDIA_ROOT",
            "path",
            "Folder of uploaded works, plug-ins and pictures. Ignored when S3_BUCKET is set.",
            path,
            default_doc="`DATA_DIR/media`",
        ),
        Variable("S3_BUCKET", "text", "Keep files in this S3 bucket instead.", text),
        Variable(
            "S3_ENDPOINT_URL",
            "URL",
            "S3-compatible endpoint, for a store other than AWS.",
            url("http", "https"),
        ),
        Variable("S3_REGION", "text", "Region of the bucket.", text),
        Variable(
            "S3_ACCESS_KEY",
            "text",
            "Access key; without it, boto3's own sources of credentials are used.",
            text,
            secret=True,
        ),
        Variable("S3_SECRET_KEY", "text", "Secret of S3_ACCESS_KEY.", text, secret=True),
        Variable("UPLOAD_MAX_MB", "integer", "Largest upload of a work, in MB.", integer(1, 500), "20"),
        Variable("PLUGIN_MAX_MB", "integer", "Largest upload of a plug-in, in MB.", integer(1, 2000), "200"),
        Variable(
            "BASE_MAX_MB",
            "integer",
            "Largest base model that is uploaded, or fetched from a hub, all files together, in MB. 0 takes none.",
            integer(0, 200_000),
            "20000",
        ),
        Variable(
            "UPLOAD_MAX_MEGAPIXELS",
            "integer",
            "Largest picture, in millions of pixels.",
            integer(1, 500),
            "40",
        ),
        Variable(
            "UPLOADS_AT_ONCE",
            "integer",
            "From how many people a web process takes works, controls or plug-ins at once, and from how many parts of base models. "
            "Whoever comes beyond that is asked to come again.",
            integer(1, 200),
            "8",
        ),
        Variable(
            "UPLOAD_READERS",
            "integer",
            "How many child processes of a web process read uploaded files. Each may take 0.3 GB of memory and 32 MB for each of "
            "UPLOAD_MAX_MEGAPIXELS.",
            integer(1, 64),
            "2",
        ),
        Variable(
            "BASE_UPLOADS_MAX_MB",
            "integer",
            "How much all uploads of base models that have not passed a check may have together, as they were announced, in MB.",
            integer(0, 100_000_000),
            "200000",
        ),
    ],
)


@dataclass(frozen=True)
class UploadLimits:
    """The largest files in bytes, the largest picture in pixels, and how many files are taken at once."""

    work_bytes: int
    work_pixels: int
    plugin_bytes: int
    base_bytes: int
    unproven_bases_bytes: int
    at_once: int
    readers: int

    @classmethod
    def read(cls, given: Configuration) -> UploadLimits:
        return cls(
            work_bytes=given.number("UPLOAD_MAX_MB") * MILLION,
            work_pixels=given.number("UPLOAD_MAX_MEGAPIXELS") * MILLION,
            plugin_bytes=given.number("PLUGIN_MAX_MB") * MILLION,
            base_bytes=given.number("BASE_MAX_MB") * MILLION,
            unproven_bases_bytes=given.number("BASE_UPLOADS_MAX_MB") * MILLION,
            at_once=given.number("UPLOADS_AT_ONCE"),
            readers=given.number("UPLOAD_READERS"),
        )

    @property
    def turns(self) -> int:
        """How many requests with files a web process handles at once: one for each reader, and one that is begun or ended."""
        return self.readers + 1
