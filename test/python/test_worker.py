# Where code comes from: a worker process that may be ended, the cache, or this process.
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import torch
from batches import logps

import disco
from disco import _core

SCALES = iter(range(1, 100))
PRINT_CHILDREN = "print(open(f'/proc/self/task/{os.getpid()}/children').read())"


def check(**how):
    """Compiles a loss that nothing has compiled yet, and holds it to its formula."""
    scale = next(SCALES)
    objective = disco.compile(f"objective x {{ loss = {scale} * softplus(-margin); }}", **how)
    pc, pr, rc, rr = logps()
    expected = scale * torch.nn.functional.softplus(-((pc - rc) - (pr - rr))).mean()
    torch.testing.assert_close(objective(pc, pr, rc, rr), expected)


def workers():
    """The ids of the workers that threads of this process have started."""
    found = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "disco-codegen":
                found.append(int(child))
    return found


def run(script, **environment):
    """A process of its own; what it prints."""
    command = [sys.executable, "-c", "import torch, disco, os\n" + script]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


class Worker(unittest.TestCase):
    def test_one_worker_compiles_and_stays(self):
        check()
        first = workers()
        check()
        self.assertEqual(len(first), 1)
        self.assertEqual(workers(), first)

    def test_killed_from_outside_it_is_replaced(self):
        check()
        before = workers()
        os.kill(before[0], signal.SIGKILL)
        check()
        self.assertNotEqual(workers(), before)

    def test_killed_while_it_compiles_its_program_is_compiled(self):
        check()
        (worker,) = workers()
        os.kill(worker, signal.SIGSTOP)  # so that it has the program and does not finish it

        def kill():
            time.sleep(0.2)
            os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        check()
        killer.join()

    def test_forked_processes_have_their_own(self):
        check()
        before = workers()
        child = os.fork()
        if child == 0:
            right = False
            try:
                check()
                right = workers() != before and len(workers()) == 1
            finally:
                os._exit(0 if right else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        check()
        self.assertEqual(workers(), before)

    def test_it_ends_with_the_process_that_started_it(self):
        worker = int(run("disco.compile('dpo')\n" + PRINT_CHILDREN).split()[0])
        for _ in range(100):
            if not pathlib.Path(f"/proc/{worker}").exists():
                return
            time.sleep(0.1)
        self.fail(f"worker {worker} is still there")


class InProcess(unittest.TestCase):
    def test_values(self):
        check(in_process=True)
        objective = disco.compile("dpo", in_process=True)
        batch = logps(dtype=torch.float64)
        torch.testing.assert_close(objective(*batch), disco.compile("dpo")(*batch))

    def test_no_process_is_started(self):
        self.assertEqual(run("disco.compile('dpo', in_process=True)\n" + PRINT_CHILDREN), "")

    def test_a_worker_that_is_not_there(self):
        path = os.path.join(os.path.dirname(disco.__file__), "disco-codegen")
        script = """disco._core.set_worker("/nowhere/disco-codegen")
try:
    disco.compile("dpo")
except disco.CompileError as error:
    print(error)
print(disco.compile("dpo", in_process=True))"""
        self.assertTrue(os.access(path, os.X_OK))
        said = run(script).split("\n")
        self.assertRegex(said[0], "/nowhere/disco-codegen: cannot start the code generator")
        self.assertEqual(said[1], "<disco objective dpo, beta=0.1>")


class Cache(unittest.TestCase):
    def test_code_is_found_again_and_not_where_it_was_changed(self):
        batch = "x = [torch.arange(4.) - i for i in range(4)]\n"
        batch += "print(disco.compile('dpo')(*x).item())"
        without_worker = "disco._core.set_worker('/nowhere')\n" + batch
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "cache")
            expected = run(batch, DISCO_CACHE=str(cache))
            (entry,) = cache.iterdir()
            self.assertEqual(run(without_worker, DISCO_CACHE=str(cache)), expected)
            content = bytearray(entry.read_bytes())
            content[-10] ^= 1
            entry.write_bytes(content)
            with self.assertRaises(subprocess.CalledProcessError):
                run(without_worker, DISCO_CACHE=str(cache))
            entry.write_bytes(content)
            self.assertEqual(run(batch, DISCO_CACHE=str(cache)), expected)

    def test_a_folder_that_cannot_be_one(self):
        script = """try:
    disco.compile("dpo")
except disco.CompileError as error:
    print(error)"""
        said = run(script, DISCO_CACHE="/dev/null")
        self.assertIn("the cache of compiled code, /dev/null, cannot be used", said)


if __name__ == "__main__":
    unittest.main()
