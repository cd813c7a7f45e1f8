// SPDX-License-Identifier: MIT
//
// The chain on Tocsin: a coroutine for each pair reads from a stream and, as the other libraries
// here do, writes on by send(2) into an end that is not registered. To wait again, all coroutines
// are cancelled and others begun.
#include "bench/chain/tocsin.hpp"

namespace {

using namespace tocsin;

class Coroutines : public chain::OnTocsin {
 public:
  explicit Coroutines(chain::Chain& chain) : OnTocsin(chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) readers_.push_back(stream(chain.reader(i)));
    begin_all();
  }
  ~Coroutines() { end_all(); }

  void wait_again() {
    end_all();
    begin_all();
  }

 private:
  void begin_all() {
    for (std::size_t i = 0; i < readers_.size(); ++i) scope().spawn(pass_on(i));
  }

  Task<> pass_on(std::size_t pair) {
    while (auto bytes = co_await readers_[pair].read()) {
      for (std::size_t i = 0; i < bytes->size(); ++i)
        if (chain().passes_on()) chain().write(chain().after(pair));
      stop_if_complete();
    }
  }

  std::vector<UnixStream> readers_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Coroutines>(argc, argv); }
