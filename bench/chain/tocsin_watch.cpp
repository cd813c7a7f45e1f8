// SPDX-License-Identifier: MIT
//
// The chain on Tocsin by callbacks: a level-triggered Watch for each reading end, and on_each. To
// wait again, the watches end and others are made.
#include "bench/chain/tocsin.hpp"

namespace {

using namespace tocsin;

class Watches : public chain::OnTocsin {
 public:
  explicit Watches(chain::Chain& chain) : OnTocsin(chain) { begin_all(); }
  ~Watches() { end_all(); }

  void wait_again() {
    end_all();
    watches_.clear();
    begin_all();
  }

 private:
  void begin_all() {
    for (std::size_t i = 0; i < chain().size(); ++i) {
      auto made = Watch::create(loop(), chain().reader(i), Ready::read);
      if (!made) chain::fail("a socket cannot be watched");
      watches_.push_back(std::move(*made));
      on_each(scope(), *watches_.back(), [this, i](Ready) {
        chain().on_readable(i);
        stop_if_complete();
      });
    }
  }

  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace

int main(int argc, char** argv) { return chain::measure<Watches>(argc, argv); }
