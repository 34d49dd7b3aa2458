--- What the server says of each open document (`advisor/status`), for the status line.

local M = {}

M.METHOD = 'advisor/status'

local GROUPS = { ok = 'AdvisorOk', near = 'AdvisorNear', over = 'AdvisorOver', unknown = 'AdvisorUnknown' }
local LINKS = {
  AdvisorOk = 'StatusLine',
  AdvisorNear = 'WarningMsg',
  AdvisorOver = 'ErrorMsg',
  AdvisorUnknown = 'StatusLine',
}
local STATES = { waiting = '…', tracing = '…', static = 'not run', failed = 'failed', cancelled = 'stopped' }

local by_uri = {}

--- Define the highlight groups; a colour scheme's or the person's own are left alone.
function M.highlights()
  for group, link in pairs(LINKS) do
    vim.cmd(('highlight default link %s %s'):format(group, link))
  end
end

local function changed()
  vim.cmd('doautocmd <nomodeline> User AdvisorStatus')
  vim.cmd('redrawstatus!')
end

--- Take a notification of the server.
function M.take(params)
  by_uri[params.uri] = params
  changed()
end

--- Forget what is known of a buffer: it is closed, or its server is gone.
function M.forget(bufnr)
  local uri = vim.uri_from_bufnr(bufnr)
  if by_uri[uri] then
    by_uri[uri] = nil
    changed()
  end
end

--- What the server said last of a buffer, nil when it has said nothing.
function M.of(bufnr)
  return by_uri[vim.uri_from_bufnr(bufnr)]
end

--- The names of the models of a buffer.
function M.models(bufnr)
  local known = M.of(bufnr)
  return vim.tbl_map(function(model) return model.name end, known and known.models or {})
end

--- The model that a line of a buffer (from 0) is about: the last that begins there or above, or the only one; nil
--- where that is unclear.
function M.model_at(bufnr, line)
  local models = (M.of(bufnr) or {}).models or {}
  local found
  for _, model in ipairs(models) do
    local begins = type(model.range) == 'table' and model.range.start.line -- a null may be vim.NIL
    if begins and begins <= line and (not found or begins >= found.range.start.line) then
      found = model
    end
  end
  return found or (#models == 1 and models[1] or nil)
end

--- The model that the status line is about: that of the cursor's line, else the first.
local function shown(bufnr, known)
  local window = vim.fn.bufwinid(bufnr)
  local line = window ~= -1 and vim.api.nvim_win_get_cursor(window)[1] - 1 or 0
  return M.model_at(bufnr, line) or known.models[1]
end

local function words(known, model)
  local out = type(known.target) == 'string' and known.target .. ': ' or ''
  local text = model and model.text or ''
  if model and #known.models > 1 then
    out = out .. model.name .. ' '
  end
  local state = STATES[known.state]
  if text ~= '' then
    out = out .. text
    state = state ~= 'not run' and state or nil
  end
  if state then
    out = out .. (text ~= '' and ' ' or '') .. state
  end
  return known.trusted and out or out .. ' (not trusted)'
end

--- The text for the status line, '' for a buffer that no server knows. Options: `bufnr` (the current one), `highlight`
--- (true): coloured by whether the model keeps its budgets, for 'statusline'; plain text without.
function M.text(options)
  options = options or {}
  local bufnr = options.bufnr or 0
  bufnr = bufnr == 0 and vim.api.nvim_get_current_buf() or bufnr
  local known = M.of(bufnr)
  if not known then
    return ''
  end
  local model = shown(bufnr, known)
  local text = words(known, model)
  if options.highlight == false then
    return text
  end
  return ('%%#%s#%s%%*'):format(GROUPS[model and model.level] or GROUPS.unknown, (text:gsub('%%', '%%%%')))
end

return M
