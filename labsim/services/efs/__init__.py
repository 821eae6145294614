"""Amazon EFS: file systems, their throughput modes and their bill."""

from labsim.services.efs import bill, rules
from labsim.services.efs.file_system import FileSystem

__all__ = ["FileSystem", "bill", "rules"]
