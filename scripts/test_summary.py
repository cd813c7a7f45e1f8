# SPDX-License-Identifier: MIT
#
# test_summary.py REPORT: the one line that sums up a JUnit report of ctest; fails if a test did,
# or if there was none.
import collections
import sys
import xml.etree.ElementTree as ElementTree

kinds = collections.Counter()
for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
    status = case.get("status")
    # Also given to a test whose program is missing, with another message: that is a failure.
    skipped = case.find("skipped")
    message = skipped.get("message") if skipped is not None else ""
    if status == "run":
        kinds["passed"] += 1
    elif status == "disabled" or message.startswith("SKIP_"):
        kinds["skipped"] += 1
    else:
        kinds["failed"] += 1
print(f"{kinds['passed']} passed, {kinds['failed']} failed, {kinds['skipped']} skipped")
sys.exit(0 if kinds["passed"] and not kinds["failed"] else 1)
