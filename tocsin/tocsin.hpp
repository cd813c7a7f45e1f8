// SPDX-License-Identifier: MIT
//
// Everything a program on Tocsin needs, in one include. The library itself includes what it uses.
//
// Thread rule: as each header says.
#pragma once

#include "tocsin/base/result.hpp"
#include "tocsin/base/time.hpp"
#include "tocsin/file/file.hpp"
#include "tocsin/http/server.hpp"
#include "tocsin/http/static_files.hpp"
#include "tocsin/kern/linux_kernel.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/net/address.hpp"
#include "tocsin/net/interface.hpp"
#include "tocsin/net/packet_socket.hpp"
#include "tocsin/net/ping.hpp"
#include "tocsin/net/tcp.hpp"
#include "tocsin/net/tun.hpp"
#include "tocsin/net/udp.hpp"
#include "tocsin/net/unix.hpp"
#include "tocsin/source/clock_timer.hpp"
#include "tocsin/source/event_counter.hpp"
#include "tocsin/source/message_queue.hpp"
#include "tocsin/source/pipe.hpp"
#include "tocsin/source/run.hpp"
#include "tocsin/source/signals.hpp"
#include "tocsin/source/ticker.hpp"
#include "tocsin/task/channel.hpp"
#include "tocsin/task/on_each.hpp"
#include "tocsin/task/scope.hpp"
#include "tocsin/task/semaphore.hpp"
#include "tocsin/task/sleep.hpp"
#include "tocsin/task/task.hpp"
#include "tocsin/task/timeout.hpp"
#include "tocsin/task/when.hpp"
