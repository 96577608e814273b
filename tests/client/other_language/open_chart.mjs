// Opens a chart in Node.js from the .proto files alone; nothing of Hutong's own is installed.
//
//   node open_chart.mjs PROTO_DIRECTORY < patient.json
//
// patient.json is a PatientQuery of reuse_service.proto. HUTONG_REGISTRY, HUTONG_CA, HUTONG_CERT and HUTONG_KEY say
// where the registry is and who asks. Prints one JSON document: the prompt, or {"unavailable": reason}. Always ends
// within the deadline and with exit status 0: no answer means no prompt, never a blocked doctor.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const DEADLINE_MS = Number(process.env.HUTONG_DEADLINE ?? 2) * 1000;

const definition = protoLoader.loadSync("hutong/v1/reuse_service.proto", {
  includeDirs: [process.argv[2]],
  keepCase: true, // names as in the .proto
  enums: String,
  longs: String,
  defaults: true,
});
const { ReuseService } = grpc.loadPackageDefinition(definition).hutong.v1;

// The registry's reason travels in google.rpc.Status; these few lines are all of it that is needed.
const rpc = protobuf.parse(`syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`, { keepCase: true }).root;

function reasonOf(error) {
  const [details] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (details) {
    for (const any of rpc.lookupType("google.rpc.Status").decode(details).details) {
      if (any.type_url.endsWith("/google.rpc.ErrorInfo")) {
        return rpc.lookupType("google.rpc.ErrorInfo").decode(any.value).reason;
      }
    }
  }
  return grpc.status[error.code] ?? "REQUEST_INVALID"; // no registry answered, or there was no request to send
}

const retries = {
  methodConfig: [
    {
      name: [{ service: "hutong.v1.ReuseService" }],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.1s",
        maxBackoff: "1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "CANCELLED"],
      },
    },
  ],
};

function openChart(patient) {
  const credentials = grpc.credentials.createSsl(
    readFileSync(process.env.HUTONG_CA),
    readFileSync(process.env.HUTONG_KEY),
    readFileSync(process.env.HUTONG_CERT),
  );
  const client = new ReuseService(process.env.HUTONG_REGISTRY, credentials, {
    "grpc.service_config": JSON.stringify(retries),
  });
  const request = {
    request_id: randomUUID(), // the same one for a repeat of the same opening
    patient,
    context: { practitioner: "D1", encounter: "E1", department: "内科", purpose: "PURPOSE_TREATMENT" },
  };
  return new Promise((resolve) => {
    client.OpenChart(request, { deadline: Date.now() + DEADLINE_MS }, (error, prompt) => {
      client.close();
      resolve(error ? { unavailable: reasonOf(error) } : prompt);
    });
  });
}

const prompt = await openChart(JSON.parse(readFileSync(0, "utf-8")));
console.log(JSON.stringify(prompt));
process.exit(0); // a connection that hangs in its handshake would keep this script alive; a plugin just goes on
