// Shows the interface's own description; what is tried out here is sent like a request of our pages.
const csrf = document.querySelector('meta[name="csrf"]').content;
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRF-Token"] = csrf;
    return request;
  },
});
