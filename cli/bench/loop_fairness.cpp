// SPDX-License-Identifier: MIT
//
// Fairness: a thousand light peers are echoed by a loop that also reads, and drops, whatever one
// firehose sends as fast as it can. What do the light ones notice of it?
//
// The light peers are an open loop: each sends at the instants of a schedule, ten times a second,
// whether the server keeps up or not, and a round trip counts from the instant it was meant to
// begin, so that a server that stalls is charged for everybody who waits (no coordinated omission).
// Their thread never sleeps: what it takes to wake up is not the server's doing. By how much it was
// late nevertheless is told.
//
// Windows with and without the firehose alternate, so that both see the same machine. Alone, the
// server sleeps between two requests, and what it takes to wake it is in the figure; with the
// firehose it never does.
//
// Thread rule: the light peers are the main thread's; server and firehose are LoopThreads.
#include <atomic>
#include <memory>
#include <vector>

#include "cli/bench/loop_list.hpp"
#include "cli/bench/loop_peers.hpp"
#include "cli/bench/statistics.hpp"
#include "tocsin/task/channel.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin::bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t light_peers = 1'000;
constexpr Duration apart = milliseconds{100};  // Two messages of a peer.
constexpr double most_ratio = 2;
constexpr double most_late = 0.25;  // Of the time that is measured: more makes the figure theirs.

double microseconds(Duration length) {
  return std::chrono::duration<double, std::micro>(length).count();
}

class Fairness {
 public:
  static Outcome<std::unique_ptr<Fairness>> create(const Settings& settings) {
    auto server = LoopThread::create();
    auto source = LoopThread::create();
    auto loop = make_loop();
    if (!server || !source || !loop) return std::unexpected("a loop cannot be made");
    std::unique_ptr<Fairness> fairness(
        new Fairness(std::move(*server), std::move(*source), std::move(*loop)));
    if (auto complaint = fairness->start(settings); !complaint.empty())
      return std::unexpected(std::move(complaint));
    return fairness;
  }

  Outcome<Measured> sample(const Pace& pace) {
    const Duration window = std::max<Duration>(pace.sample / 2, milliseconds{1});
    const auto calm = serve(window);
    if (!calm) return std::unexpected(calm.error());
    const double late = quantile(late_, 0.99);
    if (std::string complaint = open(); !complaint.empty())
      return std::unexpected(std::move(complaint));
    const std::uint64_t before = received();
    const TimePoint begin = now();
    const auto flooded = serve(window);
    const std::chrono::duration<double> seconds = now() - begin;
    const auto bytes = static_cast<double>(received() - before);
    if (std::string complaint = close(); !complaint.empty())
      return std::unexpected(std::move(complaint));
    if (!flooded) return std::unexpected(flooded.error());
    const double worst = std::max(late, quantile(late_, 0.99));
    ++samples_;
    if (worst > most_late * calm->p99) ++doubtful_;
    return Measured{{calm->median, flooded->median, calm->p99, flooded->p99,
                     flooded->p99 / calm->p99, bytes / seconds.count() / 1e6},
                    sent_,
                    fmt::format("the clients were late by {:.1f} us (p99)", worst),
                    4 * doubtful_ > samples_ ? "the clients were late: a busy machine" : ""};
  }

 private:
  struct Times {  // Microseconds.
    double median;
    double p99;
  };

  Fairness(std::unique_ptr<LoopThread> server, std::unique_ptr<LoopThread> source,
           std::unique_ptr<Loop> loop)
      : server_(std::move(server)), source_(std::move(source)), light_(std::move(loop)) {}

  std::string start(const Settings& settings) {
    auto echoing = TcpListener::bind(server_->loop(), Address::loopback(0));
    auto dropping = TcpListener::bind(server_->loop(), Address::loopback(0));
    if (!echoing || !dropping) return "a listener cannot be made";
    const auto to_echo = echoing->local_address();
    const auto to_drop = dropping->local_address();
    if (!to_echo || !to_drop) return "a listener has no address";
    server_->start(cpu_for(settings, 1),
                   [this, echoing = std::move(*echoing), dropping = std::move(*dropping)](
                       Loop& loop, Scope& scope) mutable {
                     scope.spawn(serve_echo(loop, std::move(echoing)));
                     scope.spawn(drop(std::move(dropping)));
                   });
    source_->start(cpu_for(settings, 2), [this, where = *to_drop](Loop& loop, Scope& scope) {
      scope.spawn(pour(loop, where));
    });
    return light_.connect(light_peers, *to_echo);
  }

  // ---- the firehose -----------------------------------------------------------------------------

  Task<> drop(TcpListener listener) {
    auto peer = co_await listener.accept();
    if (!peer) co_return;
    while (auto bytes = co_await peer->read()) {
      if (bytes->empty()) co_return;
      received_.store(received() + bytes->size(), std::memory_order_relaxed);
    }
  }

  Task<> pour(Loop& loop, Address where) {
    auto stream = co_await TcpStream::connect(loop, where);
    if (!stream) co_return;
    const std::vector<std::byte> bytes(64 * 1024);
    while (const auto opening = co_await openings_.receive())
      while (is_open_.load(std::memory_order_relaxed))
        if (!co_await stream->write_all(bytes)) co_return;
  }

  std::uint64_t received() const { return received_.load(std::memory_order_relaxed); }

  // Waits until it flows.
  std::string open() {
    const std::uint64_t before = received();
    is_open_ = true;
    source_->loop().waker().post([this] { static_cast<void>(openings_.try_send(0)); });
    const TimePoint end = now() + patience_with_peers;
    while (received() == before)
      if (now() > end) return "nothing comes from the firehose";
    return {};
  }

  // Waits until nothing is under way any more.
  std::string close() {
    is_open_ = false;
    constexpr Duration still = milliseconds{2};
    const TimePoint end = now() + patience_with_peers;
    TimePoint changed = now();
    for (std::uint64_t seen = 0; now() < changed + still;) {
      const std::uint64_t bytes = received();
      if (std::exchange(seen, bytes) != bytes) changed = now();
      if (now() > end) return "the firehose does not end";
    }
    return {};
  }

  // ---- the light peers --------------------------------------------------------------------------

  // How long their round trips took; the first eighth of the window is not looked at.
  Outcome<Times> serve(Duration window) {
    took_.clear();
    late_.clear();
    const TimePoint begin = now() + milliseconds{1};
    counted_from_ = begin + window / 8;
    {
      Scope scope(light_.loop());
      Duration phase{};
      for (TcpStream& peer : light_.peers()) {
        scope.spawn(keep_schedule(peer, begin + phase, begin + window));
        phase += apart / light_peers;
      }
      if (auto waiting = run_until_empty(light_.loop(), scope, window + patience_with_peers,
                                         Waiting::spinning);
          !waiting.empty())
        return std::unexpected(std::move(waiting));
    }
    if (!complaint_.empty()) return std::unexpected(complaint_);
    if (took_.empty()) return std::unexpected("the window was too short");
    sent_ = took_.size();
    return Times{median(took_), quantile(took_, 0.99)};
  }

  Task<> keep_schedule(TcpStream& peer, TimePoint first, TimePoint end) {
    for (TimePoint meant = first; meant < end; meant += apart) {
      static_cast<void>(co_await sleep_until(meant));
      const TimePoint begin = now();
      if (const auto done = co_await round_trip(peer); !done) {
        complaint_ = why_not("a round trip", done.error());
        co_return;
      }
      if (meant < counted_from_) continue;
      took_.push_back(microseconds(now() - meant));
      late_.push_back(microseconds(begin - meant));
    }
  }

  std::atomic<std::uint64_t> received_ = 0;  // Bytes of the firehose; written by the server.
  std::atomic<bool> is_open_ = false;
  Channel<int> openings_{1};  // The firehose's thread's.
  std::unique_ptr<LoopThread> server_;
  std::unique_ptr<LoopThread> source_;
  Clients<TcpStream> light_;
  TimePoint counted_from_{};
  std::vector<double> took_;  // Microseconds.
  std::vector<double> late_;
  std::uint64_t sent_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t doubtful_ = 0;
  std::string complaint_;
};

}  // namespace

Plan plan_fairness(const Settings& settings) {
  const std::string group = "fairness: n light peers, and one that sends as fast as it can";
  const auto row = [&](std::string name, std::string unit, std::optional<double> most = {}) {
    return Row{.group = group,
               .name = std::move(name),
               .n = light_peers,
               .unit = std::move(unit),
               .most = most};
  };
  Plan plan;
  plan.push_back({.rows = {row("median of the light peers, alone", "us"),
                           row("median of the light peers, with it", "us"),
                           row("p99 of the light peers, alone", "us"),
                           row("p99 of the light peers, with it", "us"),
                           row("p99 with it / p99 alone", "", most_ratio),
                           row("meanwhile from the firehose", "MB/s")},
                  .begin = [&settings](const Pace& pace) -> Outcome<Sampler> {
                    auto fairness = Fairness::create(settings);
                    if (!fairness) return std::unexpected(fairness.error());
                    return [=, remark = remark_on_cores(settings, 3),
                            fairness = std::move(*fairness)] {
                      auto measured = fairness->sample(pace);
                      if (measured && !remark.empty()) measured->remark += "; " + remark;
                      return measured;
                    };
                  }});
  return plan;
}

}  // namespace tocsin::bench
