# SPDX-License-Identifier: MIT
"""All mutants, by what they are faults of."""
from faults_bytes import BYTES
from faults_epoll import EPOLL
from faults_objects import OBJECTS
from faults_process import PROCESS

ALL = [*EPOLL, *PROCESS, *BYTES, *OBJECTS]
