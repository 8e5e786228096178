import type { RegisterFormat, Status } from "../format.ts";

/** The names that flags go by, as letters and digits in lower case: "Long-term medical" is longtermmedical. */
const FLAGS: Record<string, Status> = {
  longtermmedical: "medical",
  longtermmedicalcondition: "medical",
  medical: "medical",
  youngcarer: "young_carer",
  previouslyknowntosocialcare: "previously_known_to_social_care",
  childinneed: "child_in_need",
  childprotection: "child_protection",
  childprotectionplan: "child_protection",
  lookedafter: "looked_after",
  lookedafterchild: "looked_after",
  previouslylookedafter: "previously_looked_after",
  previouslylookedafterchild: "previously_looked_after",
  fsm: "fsm",
  freeschoolmeals: "fsm",
  fsmever6: "fsm_ever_6",
  ever6fsm: "fsm_ever_6",
  eal: "eal",
  englishasadditionallanguage: "eal",
  servicechild: "service_child",
  pupilpremium: "pupil_premium",
};

/**
 * The school's own dated flags, for what no system's export holds: who has a long-term medical condition, who is a young
 * carer, who was known to social care. One row a flag and its days: `SchoolURN, UPN, Flag, From, To`. Without `From` it
 * is so on the day of the file; without `To` it goes on. `Value` may say no. Source of the layout: ours.
 */
export const schoolFlags: RegisterFormat = {
  name: "school_flags",
  title: "the school's own flags",
  required: ["UPN", "Flag", "From", "To"],
  readings: [
    {
      table: "statuses",
      status: FLAGS,
      fields: {
        school_urn: ["schoolurn", "urn", "uniquereferencenumber"],
        upn: ["upn", "uniquepupilnumber"],
        status: ["flag"],
        value: ["value"],
        from_on: ["from", "startdate"],
        to_on: ["to", "enddate"],
        known_on: ["extractedon", "lastupdated"],
      },
    },
  ],
};
