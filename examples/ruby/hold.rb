# Puts a participant of a conference on hold and prints the outcome.
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

# error_info returns agentconf's ErrorInfo. It is nil if the client or a proxy has made the error.
def error_info(error)
  detail = (error.to_rpc_status&.details || []).find { |any| any.is(Google::Rpc::ErrorInfo) }
  info = detail&.unpack(Google::Rpc::ErrorInfo)
  info if info&.domain == 'agentconf'
end

def participant_state(conferences, conf_id, options)
  query = QueryConfInfosRequest.new(agent_id: AGENT, conf_ids: [conf_id])
  members = conferences.query_conf_infos(query, **options).result.confs.first.addresses
  held = members.any? { |member| member.address == PHONE[:address] && member.channel_state == 1 }
  "the participant is #{held ? 'held' : 'not held'} now"
rescue GRPC::BadStatus => e
  "the query failed, too (#{e.details})"
end

# ForceLogin works even if an earlier run has left the agent signed in.
signed_in = stub(SessionService).force_login(ForceLoginRequest.new(agent_id: AGENT, phonenum: '40038'))
options = { metadata: { 'guid' => signed_in.guid } }
events = stub(EventService, timeout: nil)
watch = events.watch_agent_events(WatchAgentEventsRequest.new(agent_id: AGENT), **options)
conferences = stub(ConferenceService)
conferences.request_agent_conf(RequestAgentConfRequest.new(agent_id: AGENT, member_num: 4), **options)
conf_id = await_event(watch, 'AgentConf_RequestSuccess').request_success.conf_id
invitations = BatchAddParticipantRequest.new(agent_id: AGENT, addresses: [Invitation.new(**PHONE)])
conferences.batch_add_participant(invitations, **options)
await_event(watch, 'AgentConf_ParticipantChanged')

begin
  hold = HoldParticipantRequest.new(agent_id: AGENT, voice_path: 'y:/conf/120/1136287.V3', **PHONE,
                                    confirm_within: Google::Protobuf::Duration.new(seconds: 5))
  conferences.hold_participant(hold, **options)
  puts 'applied'
rescue GRPC::BadStatus => e
  info = error_info(e)
  if info && info.metadata['outcome'] == 'not_applied'
    puts "not applied: #{info.reason}: #{e.details}"
    exit 1
  end
  # A second hold could apply twice. A query is safe.
  puts "unknown: #{participant_state(conferences, conf_id, options)}: #{e.details}"
  exit 2
end
