// SPDX-License-Identifier: MIT
//
// `tocsin serve` and its clients: curl as people use it, raw sockets for what curl would not send.
#include <gtest/gtest.h>

#include "serve_testing.hpp"

namespace tocsin {
namespace {

Said curl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*"});
  return Program(std::move(arguments)).end();
}

TEST(Serve, GivesCurlTheFilesOfTheFolder) {
  const Site site;
  const ServeProgram server(site);
  EXPECT_EQ(curl({server.url()}).out, "<h1>index</h1>");
  EXPECT_EQ(curl({server.url() + "/folder/"}).out, "<h1>folder</h1>");
  EXPECT_EQ(curl({"--location", server.url() + "/folder"}).out, "<h1>folder</h1>");
  EXPECT_EQ(curl({server.url() + "/a%20b.txt?query"}).out, "blank");
  EXPECT_TRUE(curl({server.url() + "/large.bin"}).out == Site::large());
  EXPECT_EQ(curl({"--head", "--write-out", "%{http_code} %header{content-length}", "--output",
                  "/dev/null", server.url() + "/page.txt"})
                .out,
            "200 10");
}

TEST(Serve, GivesCurlAPartAndResumesADownload) {
  const Site site;
  const ServeProgram server(site);
  EXPECT_EQ(curl({"--range", "2-4", server.url() + "/page.txt"}).out, "234");
  EXPECT_EQ(curl({"--range", "-3", server.url() + "/page.txt"}).out, "789");
  const std::string partial = (site.base() / "partial").string();
  std::ofstream(partial, std::ios::binary) << Site::large().substr(0, 12'345'678);
  EXPECT_EQ(curl({"--continue-at", "-", "--output", partial, server.url() + "/large.bin"}).status,
            0);
  std::ifstream file(partial, std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == Site::large());
}

TEST(Serve, TellsCurlThatItHasTheFileAlready) {
  const Site site;
  const ServeProgram server(site);
  const std::string tag = (site.base() / "tag").string();
  const std::string copy = (site.base() / "copy").string();
  const std::string url = server.url() + "/page.txt";
  const std::vector<std::string> by_tag{
      "--etag-save", tag,           "--etag-compare", tag, "--output",
      copy,          "--write-out", "%{http_code}",   url};
  EXPECT_EQ(curl(by_tag).out, "200");
  EXPECT_EQ(curl(by_tag).out, "304");
  EXPECT_EQ(curl({"--time-cond", copy, "--output", "/dev/null", "--write-out", "%{http_code}",
                  "--remote-time", url})
                .out,
            "304");
}

TEST(Serve, KeepsAConnectionForManyRequests) {
  const Site site;
  const ServeProgram server(site);
  const std::string url = server.url() + "/page.txt";
  EXPECT_EQ(curl({"--write-out", " %{num_connects}\n", url, url, url}).out,
            "0123456789 1\n0123456789 0\n0123456789 0\n");
}

TEST(Serve, AnswersPipelinedRequestsInOrder) {
  const Site site;
  const ServeProgram server(site);
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += "GET /page.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=" + std::to_string(i % 10) +
                "-" + std::to_string(i % 10) + "\r\n\r\n";
  requests += "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\nGET /page.txt HTTP/1.0\r\n\r\n";
  const std::string heard = ask(server.port, requests);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = heard.find("\r\n\r\n", at) + 4;
    ASSERT_EQ(heard[at], '0' + i % 10) << i;
  }
  at = heard.find("\r\n\r\n", at) + 4;
  EXPECT_TRUE(heard.substr(at, Site::large().size()) == Site::large());
  EXPECT_TRUE(heard.ends_with("\r\n\r\n0123456789"));
}

TEST(Serve, LetsNoPathOutOfTheFolder) {
  const Site site;
  const ServeProgram server(site);
  for (const std::string path : {"/../secret.txt",
                                 "/folder/../../secret.txt",
                                 "/%2e%2e/secret.txt",
                                 "/.%2e/secret.txt",
                                 "/%252e%252e/secret.txt",
                                 "/..%2fsecret.txt",
                                 "/%2F..%2Fsecret.txt",
                                 "/..%5csecret.txt",
                                 "/..\\secret.txt",
                                 "/%5c..%5csecret.txt",
                                 "/%00/../secret.txt",
                                 "/secret.txt%00.html",
                                 "/etc/passwd",
                                 "//etc/passwd",
                                 "/%2fetc%2fpasswd",
                                 "/link.txt",
                                 "/up/secret.txt",
                                 "/up/",
                                 "/up",
                                 "/.hidden",
                                 "/%2ehidden",
                                 "/folder/..",
                                 "/./.hidden",
                                 "http://x/../secret.txt",
                                 "http://x//etc/passwd",
                                 "../secret.txt",
                                 "secret.txt",
                                 "*",
                                 "file:///etc/passwd",
                                 "/page.txt/../../secret.txt",
                                 "/....//secret.txt"}) {
    const std::string heard = ask(server.port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    if (path == "/folder/..") {
      EXPECT_EQ(status_of(heard), 200) << "that is the folder itself";
      continue;
    }
    EXPECT_TRUE(status_of(heard) == 400 || status_of(heard) == 404) << path << '\n' << heard;
    EXPECT_FALSE(heard.contains("secret")) << path;
    EXPECT_FALSE(heard.contains("root:")) << path;
  }
  // A redirection that a browser would take to another host.
  for (const std::string path : {"//folder", "/%2f/folder", "//evil.example/%2e%2e/folder"}) {
    const std::string heard = ask(server.port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_FALSE(heard.contains("Location: //")) << heard;
  }
}

TEST(Serve, AnswersBadInputWithTheStatusThatSaysSo) {
  const Site site;
  const ServeProgram server(site, {"--max-header", "1024"});
  const std::string host = "Host: x\r\n";
  const struct {
    std::string bytes;
    int status;
  } cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"BREW / HTTP/1.1\r\n" + host + "\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 405},
      {"DELETE /page.txt HTTP/1.1\r\n" + host + "\r\n", 405},
      {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 405},
      {"CONNECT x:80 HTTP/1.1\r\n" + host + "\r\n", 405},
      {"GET /absent HTTP/1.1\r\n" + host + "\r\n", 404},
      {"GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /page.txt HTTP/1.1\r\n" + host + "Range: bytes=10-\r\n\r\n", 416},
      {"GET /page.txt HTTP/1.1\r\n" + host + "If-Match: \"x\"\r\n\r\n", 412},
      {"GET / HTTP/1.1\r\n" + host + "Expect: tea\r\n\r\n", 417},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: 1000000\r\n\r\n", 413},
      {"GET /" + std::string(1100, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(1100, 'a') + "\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
  };
  for (const auto& c : cases) EXPECT_EQ(status_of(ask(server.port, c.bytes)), c.status) << c.bytes;
}

// Each hides a second request in what another reader might take for a body, or the other way round.
TEST(Serve, SeesNoRequestInsideAnother) {
  const Site site;
  const ServeProgram server(site);
  const std::string hidden = "GET /page.txt HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n";
  for (const std::string& fields :
       {length, length + "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n" + length, std::string("Transfer-Encoding: chunked\r\n"),
        length + "Content-Length: 0\r\n", "Content-Length: 0\r\n" + length,
        std::string("Transfer-Encoding: x\r\n"), std::string("Transfer-Encoding:\tchunked\r\n"),
        "X: a\r\n " + length, "Content-Length: 0, " + std::to_string(hidden.size()) + "\r\n",
        std::string("Expect: 100-continue\r\n") + length}) {
    const std::string heard =
        ask(server.port, "GET /folder/ HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + hidden);
    EXPECT_FALSE(heard.contains("0123456789")) << fields << heard;
  }
}

TEST(Serve, EndsAHeadThatDoesNotComeToItsEnd) {
  const Site site;
  const ServeProgram server(site, {"--header-timeout", "0.1", "--idle-timeout", "0.1"});
  const RawClient slow(server.port);
  slow.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(status_of(slow.receive_all()), 408);
  const RawClient silent(server.port);
  EXPECT_EQ(silent.receive_all(), "");
  const RawClient idle(server.port);
  idle.send("GET /page.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(idle.receive_all().ends_with("\r\n\r\n0123456789"));
}

TEST(Serve, SeesAFileThatChangesWithinASecond) {
  const Site site;
  const ServeProgram server(site);
  const std::string request = "GET /page.txt HTTP/1.0\r\n\r\n";
  EXPECT_TRUE(ask(server.port, request).ends_with("0123456789"));
  site.write("page.txt", "new");
  bool seen = false;
  for (int i = 0; i < 200'000 && !seen; ++i)
    seen = ask(server.port, request).ends_with("\r\n\r\nnew");
  EXPECT_TRUE(seen);
}

TEST(HttpHello, GreetsCurl) {
  Program server({TOCSIN_BIN_DIR "/examples/http_hello", "127.0.0.1:0"});
  const std::string line = server.line();
  ASSERT_TRUE(line.starts_with("listening on http://127.0.0.1:")) << line;
  const std::string url = line.substr(line.find("http://"));
  EXPECT_EQ(curl({url}).out, "Hello\n");
  EXPECT_EQ(curl({url + "/world"}).out, "Hello, world\n");
  server.signal(SIGTERM);
  EXPECT_EQ(server.end().status, 0);
}

}  // namespace
}  // namespace tocsin
