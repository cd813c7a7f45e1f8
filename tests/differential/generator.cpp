// SPDX-License-Identifier: MIT
#include "tests/differential/generator.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <string_view>

#include "tests/differential/scenes.hpp"
#include "tocsin/base/prng.hpp"

namespace tocsin::differential {
namespace {

// Of so many sequences, one has a kind. What costs milliseconds (to close an inotify instance, to
// fork) is rarer.
std::uint64_t one_in(Kind kind) {
  switch (kind) {
    case Kind::descriptor:
      return 1;
    case Kind::file:
    case Kind::process:
      return 24;
    case Kind::queue:
      return 12;
    case Kind::signal:
    case Kind::timer:
      return 4;
    default:
      return 2;
  }
}

bool makes(const OpSpec& spec) {
  return std::ranges::any_of(spec.operands,
                             [](const Operand& o) { return o.shape == Shape::new_slot; });
}

// Pools of the same values have the same number, so that what is left out of one (a name to bind)
// is left out of the other (a name to connect to).
class Pools {
 public:
  Pools() {
    for (const OpSpec& spec : all_ops()) {
      auto& numbers = numbers_.emplace_back();
      for (std::size_t i = 0; i < spec.operands.size(); ++i)
        numbers[i] = number_of(spec.operands[i].pool);
    }
  }
  std::size_t count() const { return pools_.size(); }
  std::size_t size(std::size_t number) const { return pools_[number].size(); }
  std::size_t number(const OpSpec& spec, std::size_t operand) const {
    return numbers_[static_cast<std::size_t>(&spec - all_ops().data())][operand];
  }

 private:
  std::size_t number_of(std::span<const std::int64_t> pool) {
    const auto same = [&](const auto& other) { return std::ranges::equal(pool, other); };
    const auto known = std::ranges::find_if(pools_, same);
    const auto number = static_cast<std::size_t>(known - pools_.begin());
    if (known == pools_.end()) pools_.push_back(pool);
    return number;
  }

  std::vector<std::span<const std::int64_t>> pools_;
  std::vector<std::array<std::size_t, most_operands>> numbers_;
};

const Pools& pools() {
  static const Pools all;
  return all;
}

class Generator {
 public:
  Generator(std::uint64_t seed, std::uint32_t present) : random_(seed) {
    choose_kinds(present);
    choose_ops();
    choose_values();
    used_ = 2 + random_.below(slots - 1);
    hot_ = random_.below(used_);
    allowed_bits_ = static_cast<std::int64_t>(random_.next() | random_.next());
  }

  Sequence make() {
    constexpr std::array<std::uint64_t, 8> lengths{6, 12, 12, 24, 24, 40, 80, 200};
    const bool is_slow = (kinds_ & bit(Kind::time)) != 0;
    const std::uint64_t most = is_slow ? 24 : lengths[random_.below(lengths.size())];
    const std::uint64_t length = most / 2 + random_.below(most);
    if (random_.chance(1, 16)) play(scenes[random_.below(scenes.size())]);
    while (sequence_.size() < length) add(choose_op());
    look_at_everything();
    return std::move(sequence_);
  }

 private:
  using Kept = std::optional<std::array<std::size_t, 2>>;

  void choose_kinds(std::uint32_t present) {
    // Epolls and polls are what it is about; rarely is a sequence without. Where there is hardly
    // any choice (--only), there is no reason to be sparing.
    const std::uint32_t objects = ~(bit(Kind::descriptor) | bit(Kind::wait));
    const bool few = std::popcount(present & objects) <= 2;
    for (std::size_t i = 0; i < kinds; ++i) {
      const auto kind = static_cast<Kind>(i);
      const bool chosen =
          kind == Kind::wait
              ? !random_.chance(1, 16)
              : random_.chance(1, few ? std::min<std::uint64_t>(one_in(kind), 2) : one_in(kind));
      if (chosen) kinds_ |= bit(kind) & present;
    }
    // Some are about one kind of object alone.
    if (const std::uint32_t all = present & objects & ~in_one_tier();
        all != 0 && random_.chance(1, 4))
      kinds_ = (kinds_ & ~objects) | bit(one_of(all));
    kinds_ |= present & in_one_tier();
    if ((kinds_ & objects) == 0) kinds_ |= bit(Kind::event);
  }

  Kind one_of(std::uint32_t set) {
    while (true) {
      const auto kind = static_cast<Kind>(random_.below(kinds));
      if ((set & bit(kind)) == 0) continue;
      const bool is_slow = one_in(kind) > 12;
      if (std::popcount(set) == 1 || !is_slow || random_.chance(1, 4)) return kind;
    }
  }

  void choose_ops() {
    constexpr std::array<int, 6> many{0, 1, 1, 1, 2, 5};
    constexpr std::array<int, 6> few{0, 0, 0, 0, 1, 5};
    const auto& factors = random_.chance(1, 3) ? few : many;
    for (const OpSpec& spec : all_ops()) {
      if ((kinds_ & bit(spec.kind)) == 0) continue;
      int factor = factors[random_.below(factors.size())];
      if (makes(spec) && spec.kind != Kind::descriptor) factor = std::max(factor, 1);
      if (spec.weight == rare && !random_.chance(1, 16)) factor = 0;
      if (factor == 0) continue;
      total_ += static_cast<std::uint64_t>(std::max(spec.weight, 1) * factor);
      choices_.push_back({total_, &spec});
    }
  }

  // Of some pools only a value or two: where all sockets are datagram sockets and all names are the
  // same, things meet that never would otherwise.
  void choose_values() {
    kept_.resize(pools().count());
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      const std::size_t size = pools().size(i);
      if (size > 1 && random_.chance(1, 4)) kept_[i] = {random_.below(size), random_.below(size)};
    }
  }

  const OpSpec& choose_op() {
    while (true) {
      const std::uint64_t at = random_.below(total_);
      const auto chosen = std::ranges::upper_bound(choices_, at, {}, &Choice::below);
      const OpSpec& spec = *chosen->spec;
      const bool is_maker = makes(spec);
      const std::size_t live = slots - static_cast<std::size_t>(std::ranges::count(holds_, 0U));
      // With nothing to work on, things are made; with enough of them, seldom more.
      if (live < 2 && !is_maker && !random_.chance(1, 8)) continue;
      if (live >= used_ && is_maker && !random_.chance(1, 4)) continue;
      // A socket can be so much that most operations would seldom meet what they are for.
      const bool is_inet = (kinds_ & bit(Kind::inet)) != 0;
      if (is_inet && !has_all_for(spec) && !random_.chance(1, 16)) continue;
      return spec;
    }
  }

  bool has_all_for(const OpSpec& spec) const {
    return std::ranges::all_of(spec.operands, [this](const Operand& operand) {
      const auto fits = [&](Holds held) { return (held & operand.holds) != 0; };
      return operand.shape != Shape::slot || std::ranges::any_of(holds_, fits);
    });
  }

  // epoll_ctl(2) of what is registered already, or is not, is an error: seldom of interest.
  void fit_registration(Op& op) {
    const auto registered = [&](std::size_t epoll, std::size_t slot) {
      return (registered_[epoll] >> slot & 1) != 0;
    };
    const bool wanted = op.values[1] != EPOLL_CTL_ADD;
    for (int tries = 0; tries < 8; ++tries) {
      const auto epoll = static_cast<std::size_t>(op.values[0]);
      const auto slot = static_cast<std::size_t>(op.values[2]);
      if (registered(epoll, slot) == wanted) break;
      op.values[0] = static_cast<std::int64_t>(choose_slot(an_epoll));
      op.values[2] = static_cast<std::int64_t>(choose_slot(any));
    }
  }

  void note_registration(const Op& op) {
    const unsigned mask = 1U << static_cast<unsigned>(op.values[2]);
    unsigned& now = registered_[static_cast<std::size_t>(op.values[0])];
    if (op.values[1] == EPOLL_CTL_ADD) now |= mask;
    if (op.values[1] == EPOLL_CTL_DEL) now &= ~mask;
  }

  void set_slot(std::size_t slot, Holds holds) {
    holds_[slot] = holds;
    registered_[slot] = 0;
    for (unsigned& registered : registered_) registered &= ~(1U << slot);
  }

  // Only if all of it is about the kinds that were chosen.
  void play(std::span<const Step> scene) {
    for (const Step& step : scene)
      if ((kinds_ & bit(find_op(step.op)->kind)) == 0) return;
    for (const Step& step : scene) add(*find_op(step.op), step.values);
  }

  void add(const OpSpec& spec, std::span<const std::int64_t> given = {}) {
    static const OpSpec* const epoll_ctl = find_op("epoll_ctl");
    Op op{.spec = &spec};
    Holds source = nothing;
    for (std::size_t i = 0; i < spec.operands.size(); ++i) {
      const Operand& operand = spec.operands[i];
      op.values[i] = choose_value(operand, op, i);
      if (!given.empty() && given[i] != drawn) op.values[i] = given[i];
      if (operand.shape == Shape::slot && source == nothing)
        source = holds_[static_cast<std::size_t>(op.values[i])];
    }
    if (&spec == epoll_ctl && given.empty() && random_.chance(3, 4)) fit_registration(op);
    if (&spec == epoll_ctl) note_registration(op);
    for (std::size_t i = 0; i < spec.operands.size(); ++i) {
      const Operand& operand = spec.operands[i];
      const auto slot = static_cast<std::size_t>(op.values[i]);
      if (operand.shape == Shape::new_slot)
        set_slot(slot, operand.holds == nothing ? source : operand.holds);
      if (operand.ends) set_slot(slot, nothing);
    }
    sequence_.push_back(op);
  }

  std::int64_t from_pool(const Operand& operand, const Kept& kept) {
    return operand.pool[kept ? (*kept)[random_.below(2)] : random_.below(operand.pool.size())];
  }

  std::int64_t choose_value(const Operand& operand, const Op& op, std::size_t index) {
    const Kept& kept = kept_[pools().number(*op.spec, index)];
    switch (operand.shape) {
      case Shape::slot:
        return static_cast<std::int64_t>(choose_slot(operand.holds));
      case Shape::new_slot: {
        auto chosen = static_cast<std::int64_t>(choose_new_slot());
        const auto* const before = op.values.begin();
        while (std::find(before, before + index, chosen) != before + index)
          chosen = (chosen + 1) % static_cast<std::int64_t>(slots);
        return chosen;
      }
      case Shape::slot_set:
        return static_cast<std::int64_t>(random_.next() & random_.next() & 0xff);
      case Shape::number:
        return from_pool(operand, kept);
      case Shape::bits:
        return choose_bits(operand, kept);
    }
    return 0;
  }

  std::size_t choose_slot(Holds wanted) {
    if (random_.chance(1, 16)) return random_.below(used_);
    if ((holds_[hot_] & wanted) != 0 && random_.chance(1, 3)) return hot_;
    std::array<std::size_t, slots> fitting{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < slots; ++i)
      if ((holds_[i] & wanted) != 0) fitting[count++] = i;
    return count == 0 ? random_.below(used_) : fitting[random_.below(count)];
  }

  std::size_t choose_new_slot() {
    const auto empty = std::ranges::find(holds_, nothing);
    const auto index = static_cast<std::size_t>(empty - holds_.begin());
    if (index < used_ && !random_.chance(1, 8)) return index;
    return random_.below(used_);
  }

  std::int64_t choose_bits(const Operand& operand, const Kept& kept) {
    if (!operand.pool.empty() && !random_.chance(1, kept ? 16 : 4))
      return from_pool(operand, kept) | operand.always;
    std::int64_t value = 0;
    for (const Name& name : operand.names)
      if (random_.chance(1, 4)) value |= name.value & allowed_bits_;
    if (random_.chance(1, 64)) value |= std::int64_t{1} << random_.below(32);
    return value | operand.always;
  }

  // At the end only, for a poll leaves its traces (a pipe that was polled once tells more).
  void look_at_everything() {
    if ((kinds_ & bit(Kind::wait)) == 0) return;
    const OpSpec& wait = *find_op("epoll_wait");
    const OpSpec& fdinfo = *find_op("fdinfo");
    for (std::size_t i = 0; i < slots; ++i) {
      if (holds_[i] != an_epoll) continue;
      const auto slot = static_cast<std::int64_t>(i);
      sequence_.push_back({.spec = &wait, .values = {slot, 64}});
      if (random_.chance(1, 8)) sequence_.push_back({.spec = &fdinfo, .values = {slot}});
    }
    const OpSpec& poll = *find_op("poll");
    constexpr std::int64_t everything = 0x7fdf;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(used_); i += 3)
      sequence_.push_back(
          {.spec = &poll,
           .values = {i, everything, (i + 1) % 8, everything, (i + 2) % 8, everything}});
  }

  struct Choice {
    std::uint64_t below;
    const OpSpec* spec;
  };

  Prng random_;
  std::uint32_t kinds_ = 0;
  std::vector<Choice> choices_;
  std::uint64_t total_ = 0;
  std::size_t used_ = 0;  // Slots.
  std::size_t hot_ = 0;   // The slot that is chosen most often.
  std::int64_t allowed_bits_ = 0;
  std::vector<Kept> kept_;  // Places in each pool; none: all of them.
  std::array<Holds, slots> holds_{};
  std::array<unsigned, slots> registered_{};  // With the epoll in a slot: a bit for each other.
  Sequence sequence_;
};

}  // namespace

Sequence generate(std::uint64_t seed, std::uint32_t present) {
  return Generator(seed, present).make();
}

}  // namespace tocsin::differential
