// A small schema like LiteLLM's, and its models.
import { readModels } from '../../src/gatewayctl/runtimes/embedded/prisma/schema_fields.mjs';

export const SCHEMA = `
datasource client {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}

enum JobStatus {
  ACTIVE
}

// model Commented { id String @id }
model Team {
  team_id  String @id @default(uuid())
  metadata Json   @default("{}") // model Fake { x Int }
  spend    Float  @default(0.0)
  limit    BigInt?
  data     Json?
  models   String[]
  extras   Json[]
  status   JobStatus?
  keys     Key[]

  @@index([team_id])
}

model Key {
  token    String @id
  team_id  String?
  metadata Json
  team     Team?  @relation(fields: [team_id], references: [team_id])
  @@unique([token, team_id])
}
`;

export const MODELS = readModels(SCHEMA);
