// SPDX-License-Identifier: MIT
//
// A Loop inside GLib's main loop, which is the one of GTK.
#include <glib-unix.h>

#include "tests/embedding/embedding.hpp"

namespace tocsin::embedding {
namespace {

class GlibLoop {
 public:
  using Call = std::function<void()>;

  GlibLoop(int fd, Call on_readable) : on_readable_(std::move(on_readable)) {
    GSource* const source = g_unix_fd_source_new(fd, G_IO_IN);
    const GUnixFDSourceFunc call = [](int, GIOCondition, void* self) -> gboolean {
      ++static_cast<GlibLoop*>(self)->calls_;
      static_cast<GlibLoop*>(self)->on_readable_();
      return G_SOURCE_CONTINUE;
    };
    g_source_set_callback(source, G_SOURCE_FUNC(call), this, nullptr);
    attach(source);
  }
  GlibLoop(const GlibLoop&) = delete;
  GlibLoop& operator=(const GlibLoop&) = delete;
  ~GlibLoop() {
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);  // Its sources go with it.
  }

  void run() { g_main_loop_run(loop_); }
  void stop() { g_main_loop_quit(loop_); }
  int calls() const { return calls_; }

  void call_later(unsigned milliseconds, Call later) {
    GSource* const source = g_timeout_source_new(milliseconds);
    const GSourceFunc call = [](void* function) -> gboolean {
      (*static_cast<Call*>(function))();
      return G_SOURCE_REMOVE;
    };
    g_source_set_callback(source, call, new Call(std::move(later)),
                          [](void* function) { delete static_cast<Call*>(function); });
    attach(source);
  }

 private:
  void attach(GSource* source) {
    g_source_attach(source, context_);
    g_source_unref(source);
  }

  GMainContext* context_ = g_main_context_new();
  GMainLoop* loop_ = g_main_loop_new(context_, FALSE);
  Call on_readable_;
  int calls_ = 0;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Glib, Embedding, GlibLoop);

}  // namespace
}  // namespace tocsin::embedding
