"""Amazon EBS: volumes, their credits and limits, their bill, and which one to choose.

    from labsim.services import ebs

    disk = ebs.Volume(sim, "data", "gp2", size=125)
    sim.send(750, to=disk)
"""

from labsim.services.ebs import bill, rules
from labsim.services.ebs.instance import Instance
from labsim.services.ebs.rules import Spec
from labsim.services.ebs.volume import Volume

__all__ = ["Instance", "Spec", "Volume", "bill", "rules"]
