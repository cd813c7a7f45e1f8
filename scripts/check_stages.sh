# SPDX-License-Identifier: MIT
#
# ./dev check: part of dev, which sources it. Each stage is a function stage_NAME that says what is
# wrong and fails; all stages run, whatever the earlier ones said, and are summed up at the end.
check_stages="format headers tidy analyze asan tsan clang"

stage_format() {
  sources | xargs clang-format-19 --dry-run --Werror || {
    echo "dev: ./dev format would correct this" >&2
    return 1
  }
}

# Every public header, and every helper of tests, compiles on its own.
stage_headers() {
  build release all_verify_interface_header_sets
}

# The library, the program and the examples by clang's compile commands, headers by way of the files
# that include them. The first argument: which of the checks of .clang-tidy.
clang_tidy() {
  configure clang || return 1
  # Nothing is built, but files that came or went since must be known.
  cmake --build build/clang --target build.ninja -- --quiet || return 1
  log=build/clang/tidy.log
  run-clang-tidy-19 -quiet -p build/clang -j "$(nproc)" -checks="$1" \
    "^$PWD/(tocsin|cli|examples)/.*(?<!_test)\.cpp$" >$log 2>&1 || {
    grep -E -A3 ' (warning|error): ' $log || tail -n 20 $log
    return 1
  }
}

# The code's own rules, and what clang-tidy sees without walking through the code.
stage_tidy() {
  verdict=0
  python3 tests/tidy/tidy.py || verdict=1
  clang_tidy '-clang-analyzer-*' || verdict=1
  return $verdict
}

# What clang's static analyzer finds on its walks: as long again as all other checks together.
stage_analyze() {
  clang_tidy "-*,$(sed -n 's/^  \(-\{0,1\}clang-analyzer-.*\)/\1/p' .clang-tidy | tr -d '\n')"
}

stage_asan() {
  build asan && run_tests asan 'tidy|install'
}

# Only what has threads; the rest would be the same run again, ten times slower.
stage_tsan() {
  build tsan || return 1
  threaded='(base|kern|vkern|loop|source|net|file|cli|pq)_test'
  # Where addresses are randomised by more bits than the sanitizer expects, it refuses to start.
  if setarch -R true 2>/dev/null; then fixed="setarch -R"; else fixed=""; fi
  (
    ctest() { command $fixed ctest "$@"; }
    run_tests tsan 'slow|tidy|install' --label-regex "$threaded"
  )
}

stage_clang() {
  build clang && run_tests clang 'slow|tidy|install'
}

check() {
  [ $# -gt 0 ] || set -- $check_stages
  for stage in "$@"; do
    case " $check_stages " in
      *" $stage "*) ;;
      *) fail "no such stage: $stage ($check_stages)" ;;
    esac
  done
  verdicts=""
  status=0
  for stage in "$@"; do
    echo "== $stage"
    if "stage_$stage"; then
      verdicts="$verdicts $stage:ok"
    else
      verdicts="$verdicts $stage:FAILED"
      status=1
    fi
  done
  echo "check:$verdicts"
  return $status
}
