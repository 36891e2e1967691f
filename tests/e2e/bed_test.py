#!/usr/bin/env python3
"""Proves the bed: a real Kubernetes comes up, runs pods on real nodes, and leaves nothing behind.

    python3 tests/e2e/bed_test.py [Class.test...]

KERF_E2E_CYCLES: how often a whole bed is started and stopped in a row (default: 10).

The tests run in namespaces of their own, too, in which they see their own processes, mounts and sockets
only: so "nothing left behind" means nothing at all, whatever else this machine is doing.
"""
import sys

sys.dont_write_bytecode = True

from agent_churn_tests import AgentChurn  # noqa: E402, F401
from agent_crash_tests import AgentCrashes  # noqa: E402, F401
from agent_premise_tests import AgentPremises  # noqa: E402, F401
from agent_restart_tests import AgentReboots, AgentRestarts  # noqa: E402, F401
from agent_tests import AgentBoot, AgentSlices  # noqa: E402, F401
from agent_trouble_tests import AgentAlone, AgentTroubles  # noqa: E402, F401
from api_tests import Api  # noqa: E402, F401
from cluster_reading_tests import ClusterReading  # noqa: E402, F401
from cluster_tests import Again, Nodes, Together, Walk  # noqa: E402, F401
from controller_api_tests import ControllerApi  # noqa: E402, F401
from controller_crash_tests import ControllerCrashes, ControllerFailover  # noqa: E402, F401
from controller_more_tests import ControllerMore  # noqa: E402, F401
from controller_tests import ControllerBurst, ControllerDown, ControllerFirst, ControllerRecut  # noqa: E402, F401
from controller_trouble_tests import ControllerDisagrees, ControllerObserve, ControllerTroubles  # noqa: E402, F401
from gpu_tests import Gpus  # noqa: E402, F401
from gpunode_tests import GpuNodes  # noqa: E402, F401
from kerf_bed.testing import main  # noqa: E402
from leftover_tests import Checker, Interrupted  # noqa: E402, F401
from placing_tests import Placing  # noqa: E402, F401
from policy_tests import Policies  # noqa: E402, F401
from rights_tests import Rights  # noqa: E402, F401

if __name__ == "__main__":
    sys.exit(main())
