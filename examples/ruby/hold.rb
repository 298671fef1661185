# Puts a participant of a conference on hold, and says what became of it.
require 'grpc'
require 'google/protobuf/well_known_types' # Any#is and Any#unpack
require 'google/rpc/error_details_pb'
require 'agentconf/v1/conference_services_pb'
require 'agentconf/v1/event_service_services_pb'
require 'agentconf/v1/session_services_pb'

include Agentconf::V1

AGENT = ENV.fetch('AGENT', '1287')
PHONE = { address_type: '6', address: '88887946' }.freeze
POLICY = File.read(File.join(__dir__, '../../proto/agentconf/v1/service_config.json'))

def stub(service, timeout: 20)
  service::Stub.new(ENV.fetch('AGENTCONF_GRPC', '127.0.0.1:9090'), :this_channel_is_insecure,
                    channel_args: { 'grpc.service_config' => POLICY }, timeout:)
end

def await_event(watch, event_type)
  event = watch.next.event until event&.event_type == event_type
  event
end

# error_info is what agentconf says of an error; nil if the error was made on the way.
def error_info(error)
  detail = (error.to_rpc_status&.details || []).find { |any| any.is(Google::Rpc::ErrorInfo) }
  info = detail&.unpack(Google::Rpc::ErrorInfo)
  info if info&.domain == 'agentconf'
end

def look(conferences, conf_id, told)
  query = QueryConfInfosRequest.new(agent_id: AGENT, conf_ids: [conf_id])
  members = conferences.query_conf_infos(query, **told).result.confs.first.addresses
  held = members.any? { |member| member.address == PHONE[:address] && member.channel_state == 1 }
  "the participant is #{held ? 'held' : 'not held'} now"
rescue GRPC::BadStatus => e
  "nor can it be looked at (#{e.details})"
end

# Forced, since an earlier run may have left the agent signed in.
signed_in = stub(SessionService).force_login(ForceLoginRequest.new(agent_id: AGENT, phonenum: '40038'))
told = { metadata: { 'guid' => signed_in.guid } }
events = stub(EventService, timeout: nil)
watch = events.watch_agent_events(WatchAgentEventsRequest.new(agent_id: AGENT), **told)
conferences = stub(ConferenceService)
conferences.request_agent_conf(RequestAgentConfRequest.new(agent_id: AGENT, member_num: 4), **told)
conf_id = await_event(watch, 'AgentConf_RequestSuccess').request_success.conf_id
invitations = BatchAddParticipantRequest.new(agent_id: AGENT, addresses: [Invitation.new(**PHONE)])
conferences.batch_add_participant(invitations, **told)
await_event(watch, 'AgentConf_ParticipantChanged')

begin
  hold = HoldParticipantRequest.new(agent_id: AGENT, voice_path: 'y:/conf/120/1136287.V3', **PHONE,
                                    confirm_within: Google::Protobuf::Duration.new(seconds: 5))
  conferences.hold_participant(hold, **told)
  puts 'applied'
rescue GRPC::BadStatus => e
  info = error_info(e)
  if info && info.metadata['outcome'] == 'not_applied'
    puts "not applied: #{info.reason}: #{e.details}"
    exit 1
  end
  # To hold again could be to hold twice. To look cannot do harm.
  puts "unknown: #{look(conferences, conf_id, told)}: #{e.details}"
  exit 2
end
