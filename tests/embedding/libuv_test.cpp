// SPDX-License-Identifier: MIT
//
// A Loop inside libuv's, which is the one of Node.js.
#include <uv.h>

#include "tests/embedding/embedding.hpp"

namespace tocsin::embedding {
namespace {

class UvLoop {
 public:
  using Call = std::function<void()>;

  UvLoop(int fd, Call on_readable) : on_readable_(std::move(on_readable)) {
    EXPECT_EQ(uv_loop_init(&loop_), 0);
    EXPECT_EQ(uv_poll_init(&loop_, &poll_, fd), 0);
    poll_.data = this;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
      ++static_cast<UvLoop*>(poll->data)->calls_;
      static_cast<UvLoop*>(poll->data)->on_readable_();
    });
  }
  UvLoop(const UvLoop&) = delete;
  UvLoop& operator=(const UvLoop&) = delete;
  ~UvLoop() {
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
    for (const auto& timer : timers_)
      uv_close(reinterpret_cast<uv_handle_t*>(&timer->handle), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop_), 0);
  }

  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void stop() { uv_stop(&loop_); }
  int calls() const { return calls_; }

  void call_later(unsigned milliseconds, Call later) {
    Timer& timer = *timers_.emplace_back(std::make_unique<Timer>());
    timer.call = std::move(later);
    EXPECT_EQ(uv_timer_init(&loop_, &timer.handle), 0);
    timer.handle.data = &timer;
    const auto call = [](uv_timer_t* handle) { static_cast<Timer*>(handle->data)->call(); };
    EXPECT_EQ(uv_timer_start(&timer.handle, call, milliseconds, 0), 0);
  }

 private:
  struct Timer {
    uv_timer_t handle{};
    Call call;
  };

  uv_loop_t loop_{};
  uv_poll_t poll_{};
  Call on_readable_;
  int calls_ = 0;
  std::vector<std::unique_ptr<Timer>> timers_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Libuv, Embedding, UvLoop);

}  // namespace
}  // namespace tocsin::embedding
