// SPDX-License-Identifier: MIT
//
// The chain on Tocsin with a stream at both ends: writing waits while the kernel has no room, so
// the writing ends are registered, too. To wait again, all coroutines are cancelled and others
// begun.
#include "bench/chain/tocsin.hpp"

namespace {

using namespace tocsin;

class Streams : public chain::OnTocsin {
 public:
  explicit Streams(chain::Chain& chain) : OnTocsin(chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
      readers_.push_back(stream(chain.reader(i)));
      writers_.push_back(stream(chain.writer(i)));
    }
    begin_all();
  }
  ~Streams() { end_all(); }

  void wait_again() {
    end_all();
    begin_all();
  }

 private:
  void begin_all() {
    for (std::size_t i = 0; i < readers_.size(); ++i)
      scope().spawn(pass_on(readers_[i], writers_[chain().after(i)]));
  }

  Task<> pass_on(UnixStream& from, UnixStream& to) {
    while (auto bytes = co_await from.read()) {
      for (ByteView left = *bytes; !left.empty(); left = left.subspan(1))
        if (chain().passes_on() && !co_await to.write_all(left.first(1))) co_return;
      stop_if_complete();
    }
  }

  std::vector<UnixStream> readers_, writers_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Streams>(argc, argv); }
