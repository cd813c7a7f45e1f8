# SPDX-License-Identifier: MIT
#
# ./dev check: part of dev, which sources it. Each stage is a function stage_NAME that says what is
# wrong and fails; all stages run, whatever the earlier ones said, and are summed up at the end.
check_stages="format headers tidy asan tsan clang"

stage_format() {
  sources | xargs clang-format-19 --dry-run --Werror || {
    echo "dev: ./dev format would correct this" >&2
    return 1
  }
}

# Every public header compiles on its own.
stage_headers() {
  build release tocsin_verify_interface_header_sets
}

# The code's own rules; then the library, the program and the examples by clang's compile commands,
# headers by way of the files that include them.
stage_tidy() {
  configure clang || return 1
  verdict=0
  python3 tests/tidy/tidy.py || verdict=1
  # Nothing is built, but files that came or went since must be known.
  cmake --build build/clang --target build.ninja -- --quiet || return 1
  run-clang-tidy-19 -quiet -p build/clang -j "$(nproc)" \
    "^$PWD/(tocsin|cli|examples)/.*(?<!_test)\.cpp$" >build/clang/tidy.log 2>&1 || {
    grep -E -A3 ' (warning|error): ' build/clang/tidy.log || tail -n 20 build/clang/tidy.log
    verdict=1
  }
  return $verdict
}

stage_asan() {
  build asan && run_tests asan 'tidy|install'
}

# Only what has threads; the rest would be the same run again, ten times slower.
stage_tsan() {
  build tsan || return 1
  threaded='base_test|kern_test|vkern_test|loop_test|file_test|cli_test'
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
