// SPDX-License-Identifier: MIT
//
// What is measured of a chain, the same for every library: of n socket pairs, a byte comes into a
// few, and each byte that is read is written on into the next pair, until so many have been.
//
//     chain_LIBRARY.cpp: how to wait, read, go on --> [ measure ] --> one line of JSON
//
// The benchmark by which libevent and libev made their names, with its words: `pairs` socket pairs
// whose reading ends are all waited for, `active` bytes to begin with, `writes` more that are
// passed on, each to the pair beside. One run is the time from the first write to the last event,
// so `active + writes` events; with `--again`, it begins with ceasing to wait on every pair and
// waiting for it again, as a server does whose connections' interest changes.
//
// What a library is given: reading ends, in the order of the pairs, and writing ends, which nobody
// has to wait for. Its class has
//
//     explicit Library(chain::Chain&);  // Waits for every reading end.
//     void wait_again();                // Ceases to, and does so again.
//     void run();                       // Runs the loop until the chain is complete.
//
// Thread rule: one thread. The descriptors end with the program, except where a library takes them
// over.
#pragma once

#include <cstddef>
#include <vector>

namespace chain {

/// The arguments: `--pairs 1000 --active 100 --writes 1000 --runs 25 [--again]`.
struct Plan {
  std::size_t pairs = 100;
  std::size_t active = 1;
  std::size_t writes = 1000;
  std::size_t runs = 25;  // That are timed; one more comes before them.
  bool again = false;
};

/// Ends the program with status 2 and a line on stderr if they make no sense.
Plan parse(int argc, char** argv);

/// Ends the program with status 1 and errno in words.
[[noreturn]] void fail(const char* what);

class Chain {
 public:
  /// Opens the pairs: non-blocking UNIX stream sockets. Ends the program if it cannot (EMFILE).
  explicit Chain(const Plan& plan);

  std::size_t size() const { return readers_.size(); }
  int reader(std::size_t pair) const { return readers_[pair]; }
  int writer(std::size_t pair) const { return writers_[pair]; }

  /// Begins a run: writes the first bytes, spread over the pairs.
  void begin();

  /// For a library that reads itself: a byte came out of `pair`. True if one is to be written into
  /// the pair `after` it.
  bool passes_on() {
    ++received_;
    if (left_ == 0) return false;
    --left_;
    ++expected_;
    return true;
  }
  std::size_t after(std::size_t pair) const { return pair + 1 == size() ? 0 : pair + 1; }

  /// For a library that tells of readiness: reads what came out of `pair`, and writes on.
  void on_readable(std::size_t pair) {
    if (read(pair) && passes_on()) write(after(pair));
  }
  void write(std::size_t pair);

  bool is_complete() const { return received_ == expected_; }

  /// Ends the program with status 1 if bytes were lost or came twice.
  void check() const;

 private:
  bool read(std::size_t pair);

  std::vector<int> readers_, writers_;
  std::size_t active_, writes_;
  std::size_t left_ = 0;  // To be passed on.
  std::size_t received_ = 0;
  std::size_t expected_ = 0;
};

/// In nanoseconds. A run never sleeps: what it took beyond its CPU time it did not have its core.
struct Times {
  double wall = 0;
  double cpu = 0;  // Of all threads of the program.
};
Times now();

/// One line of JSON: how many events a run has; of each run the time ("ns") and the CPU time
/// ("cpu_ns"), divided by that.
void print(std::size_t events, const std::vector<Times>& runs);

/// Measures, and prints.
template <class Library>
int measure(int argc, char** argv) {
  const Plan plan = parse(argc, argv);
  Chain chain(plan);
  Library library(chain);
  std::vector<Times> runs;
  for (std::size_t run = 0; run <= plan.runs; ++run) {
    const Times begin = now();
    if (plan.again) library.wait_again();
    chain.begin();
    library.run();
    const Times end = now();
    chain.check();
    if (run > 0) runs.push_back({end.wall - begin.wall, end.cpu - begin.cpu});
  }
  print(plan.active + plan.writes, runs);
  return 0;
}

}  // namespace chain
