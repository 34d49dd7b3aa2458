--- The server's commands: run, and what they answer shown. Each takes the client, its arguments and the buffer.

local editor = require('advisor.editor')
local say = require('advisor.say')
local show = require('advisor.show')

local M = {}

--- Run a command of the server; `done` gets what it answers. A refusal is told in the server's sentence. Returns the
--- number of the request.
function M.run(client, command, arguments, bufnr, done)
  local params = { command = command, arguments = arguments }
  local _, request = editor.call(client, 'request', 'workspace/executeCommand', params, function(err, result)
    if err then
      return say.problem(err.message)
    end
    done(type(result) == 'table' and result or {})
  end, bufnr)
  return request
end

--- A command whose answer is a page.
local function page(command, name)
  return function(client, arguments, bufnr)
    return M.run(client, command, arguments, bufnr, function(result)
      if type(result.markdown) == 'string' then
        show.markdown(name, result.markdown)
      end
    end)
  end
end

M.table = page('advisor.showModelTable', 'layers')
M.findings = page('advisor.showFindings', 'findings')
M.explain = page('advisor.explain', 'rule')
M.audit = page('advisor.auditWorkspace', 'audit')
M.doctor = page('advisor.doctor', 'doctor')

--- Write the comment that tells a model's arguments and inputs.
function M.tell(client, arguments, bufnr)
  M.run(client, 'advisor.tellInputs', arguments, bufnr, function() end)
end

--- Analyse anew.
function M.retrace(client, arguments, bufnr)
  M.run(client, 'advisor.retrace', arguments, bufnr, function() end)
end

--- Apply all fixes of a document.
function M.fix_all(client, arguments, bufnr)
  M.run(client, 'advisor.fixAll', arguments, bufnr, function(result)
    local count = tonumber(result.count) or 0
    local text = ('%d %s applied'):format(result.applied and count or 0, count == 1 and 'fix' or 'fixes')
    if type(result.note) == 'string' and result.note ~= '' then
      text = ('%s: %s'):format(text, result.note)
    end
    say.news(text)
  end)
end

--- Switch to the named target, or to one that the person chooses.
function M.target(client, arguments, bufnr)
  if arguments and type(arguments[1]) == 'string' then
    return M.run(client, 'advisor.switchTarget', arguments, bufnr, function() end)
  end
  M.targets(client, bufnr, function(targets)
    vim.ui.select(targets, {
      prompt = 'Cost models for which target?',
      format_item = function(target)
        return ('%s %s: %s'):format(target.active and '●' or ' ', target.name, target.description or target.dtype)
      end,
    }, function(target)
      if target then
        M.target(client, { target.name }, bufnr)
      end
    end)
  end)
end

--- The targets that there are, for `done`.
function M.targets(client, bufnr, done)
  editor.call(client, 'request', 'advisor/targets', vim.empty_dict(), function(err, result)
    if err then
      return say.problem(err.message)
    end
    if type(result) ~= 'table' or type(result.targets) ~= 'table' then
      return say.problem('the server did not say which targets there are: :AdvisorLog may say why')
    end
    done(result.targets)
  end, bufnr)
end

--- What lenses and code actions of the server run here, by its names.
function M.commands()
  local out = {}
  local own = {
    ['advisor.showModelTable'] = M.table,
    ['advisor.showFindings'] = M.findings,
    ['advisor.explain'] = M.explain,
    ['advisor.tellInputs'] = M.tell,
    ['advisor.retrace'] = M.retrace,
    ['advisor.switchTarget'] = M.target,
    ['advisor.fixAll'] = M.fix_all,
    ['advisor.auditWorkspace'] = M.audit,
    ['advisor.doctor'] = M.doctor,
    ['advisor.howToTrust'] = function(_, _, bufnr) require('advisor.asking').trust(bufnr) end,
  }
  for name, action in pairs(own) do
    out[name] = function(command, context)
      local client = editor.client(context.client_id)
      if client then
        action(client, command.arguments, context.bufnr)
      end
    end
  end
  return out
end

return M
