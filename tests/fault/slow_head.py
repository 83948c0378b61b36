"""One URL that takes long at the head of many quick ones: the others go on behind it, in bounded
memory, and the output is what it is without the wait."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
import fault

N_QUICK = 2000
WAIT_S = 4


def main():
    with fault.start() as work:
        fault.put(f"{work}/www/head.txt", "The slow one.\n")
        for i in range(N_QUICK):
            fault.put(f"{work}/www/{i:04}.txt", f"The quick one {i}. " * 20)
        base = fault.serve(f"{work}/www")
        fault.put(f"{work}/urls.txt", f"{base}/head.txt\n" + "".join(
            f"{base}/{i:04}.txt\n" for i in range(N_QUICK)))
        job = fault.make_job(f"{work}/job.yaml", urls=f"{work}/urls.txt")
        want, _ = fault.reference(job, f"{work}/reference")
        served_at_release = []
        fault.Handler.statuses.clear()
        fault.Handler.delays["/head.txt"] = WAIT_S
        look = threading.Timer(WAIT_S - 0.5, lambda: served_at_release.append(
            len(fault.Handler.statuses)))
        process = fault.spawn(job, f"{work}/run")
        look.start()
        code, out, err = fault.finish(process)
        fault.check(code == 0, f"exit {code}: {err}")
        fault.adds_up(f"{work}/run", "slow head")
        fault.same(want, f"{work}/run", "slow head")
        # How many the others were able to do while the head was waited for.
        fault.note(f"{served_at_release} of {N_QUICK} were served before the head")
        fault.check(served_at_release and served_at_release[0] >= N_QUICK * 0.9,
                    "the others waited for the head")
    fault.end()


main()
