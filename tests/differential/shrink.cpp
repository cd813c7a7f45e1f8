// SPDX-License-Identifier: MIT
#include "tests/differential/shrink.hpp"

#include <algorithm>
#include <optional>

namespace tocsin::differential {
namespace {

class Shrinker {
 public:
  Shrinker(Sequence sequence, const std::function<bool(const Sequence&)>& fails, int most_trials)
      : best_(std::move(sequence)), fails_(fails), trials_left_(most_trials) {}

  Sequence run() {
    bool smaller = true;
    while (smaller) {
      smaller = remove_ops();
      smaller = simplify_values() || smaller;
    }
    rename_slots();
    return best_;
  }

 private:
  bool accept(const Sequence& candidate) {
    if (trials_left_ == 0) return false;
    --trials_left_;
    if (!fails_(candidate)) return false;
    best_ = candidate;
    return true;
  }

  bool remove_ops() {
    bool removed = false;
    for (std::size_t chunk = std::max<std::size_t>(best_.size() / 2, 1); chunk > 0; chunk /= 2)
      removed = remove_chunks(chunk) || removed;
    return removed;
  }

  // From the end: what comes late hardly matters to what comes before.
  bool remove_chunks(std::size_t chunk) {
    bool removed = false;
    for (std::size_t end = best_.size(); end > 0;) {
      const std::size_t begin = end > chunk ? end - chunk : 0;
      Sequence candidate = best_;
      candidate.erase(candidate.begin() + static_cast<std::ptrdiff_t>(begin),
                      candidate.begin() + static_cast<std::ptrdiff_t>(end));
      removed = accept(candidate) || removed;
      end = begin;
    }
    return removed;
  }

  bool simplify_values() {
    bool simpler = false;
    for (std::size_t at = 0; at < best_.size(); ++at)
      for (std::size_t i = 0; i < best_[at].spec->operands.size(); ++i)
        simpler = simplify_value(at, i) || simpler;
    return simpler;
  }

  bool simplify_value(std::size_t at, std::size_t index) {
    const Operand& operand = best_[at].spec->operands[index];
    switch (operand.shape) {
      case Shape::number:
        for (const std::int64_t simple : operand.pool) {
          if (best_[at].values[index] == simple) return false;
          if (try_value(at, index, simple)) return true;
        }
        return false;
      case Shape::bits:
      case Shape::slot_set:
        return remove_bits(at, index, operand.always);
      case Shape::slot:
        return try_older_slots(at, index);
      case Shape::new_slot:
        return false;
    }
    return false;
  }

  // A slot that was set before the one that is there, so that the latter may not be needed.
  bool try_older_slots(std::size_t at, std::size_t index) {
    for (std::size_t i = 0; i < at; ++i)
      for (std::size_t j = 0; j < best_[i].spec->operands.size(); ++j) {
        if (best_[i].spec->operands[j].shape != Shape::new_slot) continue;
        if (best_[i].values[j] == best_[at].values[index]) return false;
        if (try_value(at, index, best_[i].values[j])) return true;
      }
    return false;
  }

  bool remove_bits(std::size_t at, std::size_t index, std::int64_t always) {
    if (best_[at].values[index] == always) return false;
    if (try_value(at, index, always)) return true;
    bool removed = false;
    for (int i = 0; i < 64; ++i) {
      const auto one = static_cast<std::int64_t>(std::uint64_t{1} << i);
      const std::int64_t value = best_[at].values[index];
      if ((value & one & ~always) != 0) removed = try_value(at, index, value & ~one) || removed;
    }
    return removed;
  }

  bool try_value(std::size_t at, std::size_t index, std::int64_t value) {
    Sequence candidate = best_;
    candidate[at].values[index] = value;
    return accept(candidate);
  }

  void rename_slots() {
    std::array<std::optional<std::int64_t>, slots> names;
    std::int64_t next = 0;
    const auto renamed = [&](std::int64_t slot) {
      auto& name = names[static_cast<std::size_t>(slot)];
      if (!name) name = next++;
      return *name;
    };
    Sequence candidate = best_;
    for (Op& op : candidate)
      for (std::size_t i = 0; i < op.spec->operands.size(); ++i) {
        std::int64_t& value = op.values[i];
        const Shape shape = op.spec->operands[i].shape;
        if (shape == Shape::slot || shape == Shape::new_slot) value = renamed(value);
        if (shape != Shape::slot_set) continue;
        std::int64_t set = 0;
        for (std::size_t bit = 0; bit < slots; ++bit)
          if (((value >> bit) & 1) != 0)
            set |= std::int64_t{1} << renamed(static_cast<std::int64_t>(bit));
        value = set;
      }
    accept(candidate);
  }

  Sequence best_;
  const std::function<bool(const Sequence&)>& fails_;
  int trials_left_;
};

}  // namespace

Sequence shrink(Sequence sequence, const std::function<bool(const Sequence&)>& fails,
                int most_trials) {
  return Shrinker(std::move(sequence), fails, most_trials).run();
}

}  // namespace tocsin::differential
