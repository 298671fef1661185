// A GUID that is entered is forgotten with the page: Swagger UI keeps none unless told to.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  tryItOutEnabled: true,
  validatorUrl: "none", // it is on another host
});
