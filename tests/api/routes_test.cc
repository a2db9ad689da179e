#include "auspex/api/routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace auspex::api {
namespace {

// Answers with its name and the parameters, as "name a=1 b=2".
Handler Named(std::string name) {
  return [name = std::move(name)](const HttpCall& call) {
    HttpReply reply;
    reply.body = name;
    for (const auto& [key, value] : call.parameters) reply.body += " " + key + "=" + value;
    return reply;
  };
}

void Add(Routes* routes, std::string method, std::string pattern, Handler handler) {
  routes->Add({.method = std::move(method),
               .pattern = std::move(pattern),
               .role = Role::kNobody,
               .handler = std::move(handler)});
}

Routes Table() {
  Routes routes;
  Add(&routes, "GET", "/{file*}", Named("file"));
  Add(&routes, "GET", "/api/v1/deployments", Named("list"));
  Add(&routes, "POST", "/api/v1/deployments", Named("create"));
  Add(&routes, "GET", "/api/v1/deployments/{id}", Named("get"));
  Add(&routes, "GET", "/api/v1/deployments/summary", Named("summary"));
  Add(&routes, "POST", "/api/v1/deployments/{id}/pause", Named("pause"));
  Add(&routes, "POST", "/api/v1/{kind}/{id}/pause", Named("any pause"));
  Add(&routes, "GET", "/api/v1/{rest*}", Named("rest"));
  return routes;
}

HttpReply Ask(std::string method, std::string path) {
  HttpCall call;
  call.method = std::move(method);
  call.path = std::move(path);
  return Table().Answer(call);
}

TEST(Routes, BindsParametersDecoded) {
  EXPECT_EQ(Ask("GET", "/api/v1/deployments").body, "list");
  EXPECT_EQ(Ask("POST", "/api/v1/deployments").body, "create");
  EXPECT_EQ(Ask("GET", "/api/v1/deployments/d%2D1").body, "get id=d-1");
  EXPECT_EQ(Ask("GET", "/api/v1/deployments/a%2Fb+c").body, "get id=a/b+c");
  EXPECT_EQ(Ask("POST", "/api/v1/deployments/d1/pause").body, "pause id=d1");
}

TEST(Routes, PrefersTheLiteral) {
  EXPECT_EQ(Ask("GET", "/api/v1/deployments/summary").body, "summary");
  EXPECT_EQ(Ask("POST", "/api/v1/models/m1/pause").body, "any pause id=m1 kind=models");
}

TEST(Routes, HandsHeadToTheHandlerOfGet) {
  EXPECT_EQ(Ask("HEAD", "/api/v1/deployments/d1").body, "get id=d1");
  EXPECT_EQ(Ask("HEAD", "/api/v1/deployments/d1/pause").status, 405);
}

TEST(Routes, RefusesAMethodWithThoseAllowed) {
  const HttpReply reply = Ask("DELETE", "/api/v1/deployments");
  EXPECT_EQ(reply.status, 405);
  ASSERT_EQ(reply.headers.size(), 1U);
  EXPECT_EQ(reply.headers[0], (std::pair<std::string, std::string>("Allow", "GET, HEAD, POST")));
  // Not the handler of files, though it takes GET of any path.
  EXPECT_EQ(Ask("GET", "/api/v1/deployments/d1/pause").status, 405);
}

TEST(Routes, RestTakesWhatIsLeft) {
  EXPECT_EQ(Ask("GET", "/").body, "file file=");
  EXPECT_EQ(Ask("GET", "/assets/a%20b.js").body, "file file=assets/a b.js");
  EXPECT_EQ(Ask("GET", "/api/v1/x/y").body, "rest rest=x/y");
  EXPECT_EQ(Ask("GET", "/api/v1").body, "rest rest=");
}

TEST(Routes, RestCannotClimbOutOfItsFolder) {
  for (const char* path : {"/../etc/passwd", "/%2e%2e/etc", "/a/./b", "/..%2f..%2fetc", "/a%2Fb"}) {
    EXPECT_EQ(Ask("GET", path).status, 400) << path;
  }
}

TEST(Routes, RefusesSegmentsThatDoNotDecode) {
  for (const char* path : {"/api/v1/deployments/%", "/api/v1/deployments/%zz",
                           "/api/v1/deployments/%00", "/api/v1/deployments/%0a", "/%ff"}) {
    const HttpReply reply = Ask("GET", path);
    EXPECT_EQ(reply.status, 400) << path;
    EXPECT_EQ(nlohmann::json::parse(reply.body)["status"], 400);
  }
}

HttpReply AskAs(Role role, std::string path) {
  Routes routes;
  for (const Role least : {Role::kNobody, Role::kViewer, Role::kOperator, Role::kAdmin}) {
    routes.Add({.method = "GET",
                .pattern = fmt::format("/{}", Name(least)),
                .role = least,
                .handler = Named("in")});
  }
  routes.Add({.method = "GET", .pattern = "/unsaid", .handler = Named("in")});
  HttpCall call;
  call.method = "GET";
  call.path = std::move(path);
  call.caller = {.name = role == Role::kNobody ? "" : "t", .role = role, .token = {}};
  return routes.Answer(call);
}

TEST(Routes, AskForTheLeastRoleOfTheRoute) {
  constexpr Role kRoles[] = {Role::kNobody, Role::kViewer, Role::kOperator, Role::kAdmin};
  for (const Role role : kRoles) {
    for (const Role least : kRoles) {
      const int refused = role == Role::kNobody ? 401 : 403;
      EXPECT_EQ(AskAs(role, fmt::format("/{}", Name(least))).status, role >= least ? 200 : refused)
          << Name(role) << " at " << Name(least);
    }
  }
}

TEST(Routes, ARouteThatNamesNoRoleIsForAdminsAlone) {
  EXPECT_EQ(AskAs(Role::kOperator, "/unsaid").status, 403);
  EXPECT_EQ(AskAs(Role::kAdmin, "/unsaid").status, 200);
}

TEST(Routes, ARefusalSaysWhatIsMissing) {
  const HttpReply anonymous = AskAs(Role::kNobody, "/operator");
  EXPECT_NE(anonymous.body.find("operator"), std::string::npos);
  ASSERT_EQ(anonymous.headers.size(), 1U);
  EXPECT_EQ(anonymous.headers[0].first, "WWW-Authenticate");
  EXPECT_NE(AskAs(Role::kViewer, "/operator").body.find("'t' is viewer"), std::string::npos);
}

TEST(Routes, NotFoundIsAProblem) {
  Routes routes;
  Add(&routes, "GET", "/a/{id}", Named("a"));
  for (const char* path : {"/", "/a", "/a/", "/a/1/", "/a/1/b", "//a/1", "/A/1"}) {
    HttpCall call;
    call.method = "GET";
    call.path = path;
    const HttpReply reply = routes.Answer(call);
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_EQ(reply.content_type, "application/problem+json");
  }
}

}  // namespace
}  // namespace auspex::api
