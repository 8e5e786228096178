import type { RegisterFormat } from "../format.ts";

/**
 * "Get information about schools" (`edubasealldata…csv`): every school of England, open and closed, one row a URN.
 * Source of the layout: a test extract of the file in a DfE pipeline.
 */
export const gias: RegisterFormat = {
  name: "gias",
  title: "schools from Get information about schools",
  required: ["URN", "LA (code)", "LA (name)", "EstablishmentNumber", "EstablishmentName", "GSSLACode (name)"],
  isNational: true,
  readings: [
    {
      table: "establishments",
      fields: {
        school_urn: ["urn"],
        school_name: ["establishmentname"],
        phase: ["phaseofeducationname"],
        la_number: ["lacode"],
        establishment_number: ["establishmentnumber"],
        la_name: ["laname"],
        la_code: ["gsslacodename"],
        region: ["gorname"],
        trust_name: ["trustsname"],
        opened_on: ["opendate"],
        closed_on: ["closedate"],
      },
    },
  ],
};
