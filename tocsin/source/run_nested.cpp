// SPDX-License-Identifier: MIT
#include "tocsin/source/run_nested.hpp"

#include <cerrno>

#include "tocsin/base/check.hpp"
#include "tocsin/source/watch.hpp"

namespace tocsin {
namespace {

class Nesting {
 public:
  Nesting(Loop& outer, Loop& inner) : inner_(inner) { inner.set_outer(&outer); }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { inner_.set_outer(nullptr); }

 private:
  Loop& inner_;
};

bool is_inside(const Loop& loop, const Loop& other) {
  for (const Loop* at = &loop; at != nullptr; at = at->outer())
    if (at == &other) return true;
  return false;
}

}  // namespace

Task<Result<>> run_nested(Loop& outer, Loop& inner) {
  CHECK(inner.outer() == nullptr, "a loop runs in one other loop at a time");
  if (is_inside(outer, inner)) co_return std::unexpected(Errno{ELOOP});
  const auto fd = inner.fd();
  if (!fd) co_return std::unexpected(fd.error());
  const auto watch = Watch::create(outer, *fd, Ready::read, {}, "nested loop");
  if (!watch) co_return std::unexpected(watch.error());
  const Nesting nesting(outer, inner);
  while (!inner.take_stop()) {
    const auto ready = co_await (*watch)->next();
    if (!ready) co_return std::unexpected(ready.error());
    if (auto turn = inner.run_once(Duration::zero()); !turn) co_return turn;
  }
  co_return {};
}

std::string_view why_not_nested(const Loop& outer, const Loop& inner, Errno error) {
  if (error != Errno{ELOOP}) return error.message();
  if (&outer == &inner) return "a loop cannot run in itself";
  if (is_inside(outer, inner))
    return "a circle: the outer loop runs in the inner one already, or in one that does";
  return "too deep: Linux allows five epolls, one inside the other";
}

}  // namespace tocsin
