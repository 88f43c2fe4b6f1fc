"""Work on several things at once, each on processors of its own: small matrices gain little from two processors."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import torch


def pool(jobs: int) -> ProcessPoolExecutor:
    """Make a pool for so many jobs, of as many processes as there are processors at most."""
    processors = os.cpu_count() or 1
    at_once = min(jobs, processors)
    threads = processors // at_once
    return ProcessPoolExecutor(
        at_once, multiprocessing.get_context("spawn"), torch.set_num_threads, (threads,)
    )
